/** The mirror: every third-party dependency in one git repository, as git subtree prefixes. */
export { addSources } from "./add.ts";
export { keepArchives, type WantedArchive } from "./archives.ts";
export { buildPackages, builtPackages, type BuildPlace, type Built } from "./build/build.ts";
export { unusedBuilds } from "./build/garbage.ts";
export { bringNamed, bringNeeds, bringTrees, bringUpstream } from "./clone/bring.ts";
export { cloneMirror } from "./clone/clone.ts";
export { completeMirror } from "./clone/complete.ts";
export { neededDirectories, type Needs } from "./clone/needs.ts";
export { describeClone, type CloneState } from "./clone/state.ts";
export { initMirror, makeBareMirror, openMirror, planMirror } from "./mirror.ts";
export { abortUpdate, type AbortResult } from "./conflict/abort.ts";
export { continueUpdate, type ContinueResult } from "./conflict/continue.ts";
export { waitingConflict } from "./conflict/state.ts";
export { examineMirror } from "./doctor.ts";
export type { Detached } from "./detached.ts";
export { diffPrefixes, type DiffFile, type PrefixDiff } from "./diff.ts";
export { goEnvironment } from "./go/command.ts";
export { heldModules, moduleOf, readModule, type HeldModule } from "./go/held.ts";
export type { ModFile } from "./go/mod-file.ts";
export { rebuildMirror, type RebuildResult } from "./doctor.ts";
export { repairMirror, type RepairResult } from "./repair.ts";
export { reportLicences, type LicenceReport } from "./licences.ts";
export { findOutdated, type OutdatedPrefix } from "./outdated.ts";
export { explainPresence, type Presence, type OwnManifest } from "./why.ts";
export { linkTargets, npmClosure, type ClosurePackage, type LinkTarget } from "./packages.ts";
export { upstreamRef } from "./messages.ts";
export { publishedPackage } from "./npm/published.ts";
export { readPackedFile } from "./release.ts";
export { pushMirror } from "./share/push.ts";
export { fetchMirror, syncMirror, type ShareResult } from "./share/sync.ts";
export { reviewRange, type PrefixReview, type Review } from "./review/review.ts";
export { removePrefixes } from "./remove.ts";
export { mirrorStatus, verifyMirror, type Verification } from "./status.ts";
export { exportPatches, type Patch, type PatchesResult } from "./upstream/patches.ts";
export { pushUpstream, type PushUpstreamResult } from "./upstream/push.ts";
export { unshallow, type UnshallowResult } from "./unshallow.ts";
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
