export { defaultPackages, defaultTools } from "./pins.ts";
export { collectGarbage, type Garbage } from "./gc.ts";
export { moveTools, planMoves } from "./move.ts";
export { removeTools, type RemovedTool } from "./remove.ts";
export { installTools, type InstalledTool, type InstallOptions } from "./install.ts";
export { listTools, whichTool, type ToolStatus } from "./list.ts";
export { pinKnownTools } from "./pin.ts";
export { installFlow } from "./flow/install.ts";
export { flowPrefix } from "./flow/prefix.ts";
export { currentFlow } from "./generation/index.ts";
export { useNode } from "./node/bring.ts";
export { heldNodePrefix, holdNode, holdNodeOf } from "./node/mirror.ts";
export {
  findPrevious,
  findUpdate,
  packedReleases,
  releaseCompanions,
  rollBack,
  selfUpdate,
  type UpdateRequest,
  type UpdateResult,
} from "./self-update/index.ts";
