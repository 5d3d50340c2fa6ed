import { join } from "node:path";
import { applyExamplePatch, createExampleUpstream, exampleGitPrefix, scaffoldExample } from "../../codegen/index.ts";
import { editYaml, loadWorkspaceAt, type Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { skipStep, step } from "../../core/events.ts";
import { firstCommit } from "../../core/git/index.ts";
import { addSources, pushMirror } from "../../vendoring/index.ts";
import { writeJournal } from "../journal.ts";
import { addOptions, exampleStep, type MirrorState } from "./state.ts";

/** The example repository and the patched library it uses. Its npm packages came with flow. */
export async function makeExample(ctx: FlowContext, workspace: Workspace, state: MirrorState): Promise<Workspace> {
  const { request, home } = state;
  const { example } = request;
  const id = exampleStep;
  const title = "Example";
  if (example === undefined || request.done.includes(id)) {
    skipStep(ctx, { id, title, detail: example ?? "none was asked for" });
    return workspace;
  }
  return await step(ctx, { id, title }, async ({ progress, result }) => {
    progress("bringing its library into the mirror");
    await vendorLibrary(ctx, workspace, state);
    progress("writing its repository");
    const dir = join(workspace.paths.source, example);
    await scaffoldExample(ctx, { dir, organization: workspace.definition.organization, name: example });
    await firstCommit(ctx, dir, `Begin with the example ${example}`);
    await editYaml(workspace.paths.file, (document) => {
      if (!document.hasIn(["repositories", example]))
        document.setIn(["repositories", example], document.createNode({}));
    });
    request.done.push(id);
    await writeJournal(home, request);
    result(dir);
    return await loadWorkspaceAt(home, ctx.env);
  });
}

async function vendorLibrary(ctx: FlowContext, workspace: Workspace, { mirror }: MirrorState): Promise<void> {
  const options = addOptions(ctx, workspace);
  if (mirror.manifest.prefixes[exampleGitPrefix] === undefined) {
    const { url, ref } = await createExampleUpstream(ctx, join(workspace.paths.packages, "example", "money"));
    await addSources(ctx, mirror.dir, [url], { ...options, ref, prefix: exampleGitPrefix });
  }
  await applyExamplePatch(ctx, mirror.dir);
  await pushMirror(ctx, mirror.dir);
}
