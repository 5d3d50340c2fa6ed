/** flow's updates of itself: from the team's source, verified, switched in one step, taken back offline. */
export { packedReleases, releaseCompanions } from "./companions.ts";
export { findUpdate, type UpdateRequest } from "./find.ts";
export { findPrevious, rollBack, selfUpdate, type UpdateResult } from "./update.ts";
