export { createWebApi, type WebApiSettings } from "./web-api.ts";
