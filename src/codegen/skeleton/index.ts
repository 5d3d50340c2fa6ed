/** Skeletons of services and RPCs. They compile protos, which `codegen/index.ts` alone does not load. */
export { newRpc } from "./new-rpc.ts";
export { newService, type NewServiceOptions } from "./new-service.ts";
export type { SkeletonResult } from "./implementation.ts";
