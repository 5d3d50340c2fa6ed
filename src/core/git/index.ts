export { clone, hasCommits, type CloneOptions } from "./clone.ts";
export { gitEnvironment } from "./environment.ts";
export { Git, type GitOptions, type GitResult } from "./git.ts";
export { identityEnvironment } from "./identity.ts";
export { porcelain } from "./porcelain.ts";
