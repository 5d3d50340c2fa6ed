export { editYaml } from "./edit.ts";
export type { Environment } from "./environment-schema.ts";
export { findRepository, findWorkspaceRoot } from "./find.ts";
export { flowYamlSchema } from "./json-schema.ts";
export { checkServiceGraph, loadRepository, type Repository, type ServiceOrigin } from "./repository.ts";
export type {
  DependencyCondition,
  GeneratorDefinition,
  ReadyGate,
  RepositoryFile,
  ServiceDefinition,
} from "./repository-schema.ts";
export type { VendorDefinition } from "./vendor-schema.ts";
export { loadRepositories, loadServices, loadWorkspace, loadWorkspaceAt, type Workspace } from "./workspace.ts";
export {
  workspaceFile,
  type RepositoryReference,
  type ToolDefinition,
  type WorkspaceFile,
} from "./workspace-schema.ts";
