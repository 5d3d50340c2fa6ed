export { defaultPackages, defaultTools } from "./pins.ts";
export { installTools, type InstalledTool, type InstallOptions } from "./install.ts";
export { listTools, whichTool, type ToolStatus } from "./list.ts";
export { pinKnownTools } from "./pin.ts";
export { programShim } from "./shim.ts";
