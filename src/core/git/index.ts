export { gitEnvironment } from "./environment.ts";
export { Git, type GitOptions, type GitResult } from "./git.ts";
export { porcelain } from "./porcelain.ts";
