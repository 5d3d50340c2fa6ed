export { editYaml } from "./edit.ts";
export {
  checkServiceGraph,
  findRepository,
  loadRepository,
  type Repository,
  type ServiceOrigin,
} from "./repository.ts";
export type {
  DependencyCondition,
  GeneratorDefinition,
  ReadyGate,
  RepositoryFile,
  ServiceDefinition,
} from "./repository-schema.ts";
export { repositoryFile } from "./repository-schema.ts";
export {
  findWorkspaceRoot,
  loadRepositories,
  loadServices,
  loadWorkspace,
  loadWorkspaceAt,
  type Workspace,
} from "./workspace.ts";
export {
  workspaceFile,
  type RepositoryReference,
  type ToolDefinition,
  type WorkspaceFile,
} from "./workspace-schema.ts";
