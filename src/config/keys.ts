import { repositoryFile, service } from "./repository-schema.ts";
import { workspaceFile } from "./workspace-schema.ts";

/** Every key the schemas know, for "did you mean". */
export const repositoryKeys: readonly string[] = [
  ...Object.keys(repositoryFile.shape),
  ...Object.keys(service.shape),
  "policy",
  "backoff",
  "signal",
  "timeout",
];
export const workspaceKeys: readonly string[] = Object.keys(workspaceFile.shape);
