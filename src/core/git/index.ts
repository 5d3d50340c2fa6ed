export { clone, hasCommits, type CloneOptions } from "./clone.ts";
export { firstCommit } from "./first-commit.ts";
export { Git, type GitOptions, type GitResult } from "./git.ts";
export { identityEnvironment } from "./identity.ts";
export { removeStaleLocks } from "./stale-locks.ts";
