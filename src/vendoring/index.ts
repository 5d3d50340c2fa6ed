/** The mirror: every third-party dependency in one git repository, as git subtree prefixes. */
export { addSources } from "./add.ts";
export { cloneMirror, initMirror, openMirror } from "./mirror.ts";
export { rebuildMirror, type RebuildResult } from "./doctor.ts";
export { linkTargets, npmClosure, type ClosurePackage, type LinkTarget } from "./packages.ts";
export { pushMirror, syncMirror, type ShareResult } from "./share.ts";
export { mirrorStatus, verifyMirror, type Verification } from "./status.ts";
export { updatePrefixes } from "./update.ts";
export type {
  AddOptions,
  AddResult,
  Change,
  Manifest,
  Mirror,
  PrefixEntry,
  PrefixState,
  PrefixStatus,
} from "./types.ts";
