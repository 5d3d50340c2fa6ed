/** Making and joining a workspace, and what runs inside one. */
export { bootstrapWorkspace, type BootstrapResult } from "./bootstrap.ts";
export { buildPlace } from "./builds.ts";
export { checkoutVariables } from "./checkout.ts";
export { firstOnPath, workspaceEnvironment, workspaceVariables } from "./environment.ts";
export { refreshWorkspace, type RefreshResult } from "./refresh.ts";
export { planBootstrap, type PlannedStep } from "./plan.ts";
export { publishMirror } from "./publish-mirror.ts";
export { type BootstrapOptions } from "./request.ts";
export { listScripts, scriptCommand, type WorkspaceScript } from "./scripts.ts";
export { shellCommand } from "./shell.ts";
