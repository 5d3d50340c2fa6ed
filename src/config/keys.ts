import { repositoryFile, service } from "./repository-schema.ts";
import { vendor } from "./vendor-schema.ts";
import { workspaceFile } from "./workspace-schema.ts";

const vendorKeys = Object.keys(vendor.shape);

/** Every key the schemas know, for "did you mean". */
export const repositoryKeys: readonly string[] = [
  ...Object.keys(repositoryFile.shape),
  ...Object.keys(service.shape),
  ...vendorKeys,
  "policy",
  "backoff",
  "signal",
  "timeout",
];
export const workspaceKeys: readonly string[] = [...Object.keys(workspaceFile.shape), ...vendorKeys];
