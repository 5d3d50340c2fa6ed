import type { BootstrapOptions, BootstrapResult, PlannedStep } from "../../../workspace/index.ts";
import { FlowError } from "../../../core/errors.ts";
import { defineCommand, type CliContext, type Invocation } from "../../command.ts";

type Answer =
  | ({ kind: "workspace" } & BootstrapResult)
  | { kind: "plan"; home: string; steps: PlannedStep[] }
  | { kind: "mirror"; from: string; to: string };

export const command = defineCommand<Answer>({
  name: "bootstrap",
  summary: "make a workspace, join a team's, or mend this one",
  examples: [
    {
      command: "flow bootstrap ~/acme --org acme --module example.com/acme",
      explanation: "a new workspace with a mirror of its own",
    },
    { command: "flow bootstrap --from git@host:acme/workspace.git ~/acme", explanation: "the workspace of your team" },
    {
      command: "flow bootstrap --publish-mirror git@host:acme/vendor.git",
      explanation: "move this workspace's mirror to where the team can reach it",
    },
  ],
  arguments: [
    { syntax: "[directory]", description: "where the workspace is or shall be (default: the one around you)" },
  ],
  options: [
    { flags: "--org <name>", description: "npm scope of the team, without the @" },
    { flags: "--module <path>", description: "import path of the team's code, such as example.com/acme" },
    { flags: "--mirror <url>", description: "git repository of the mirror (default: one inside the workspace)" },
    { flags: "--example <name>", description: "begin with an example repository: shop" },
    { flags: "--from <url>", description: "git repository of a workspace to join" },
    { flags: "--full", description: "clone all of the mirror with its history, not only what is needed here" },
    { flags: "--publish-mirror <url>", description: "push this workspace's mirror there and share it from then on" },
  ],
  mutates: true,
  run: async (ctx, { args, options }) => {
    const workspace = await import("../../../workspace/index.ts");
    if (typeof options.publishMirror === "string")
      return await publish(ctx, options.publishMirror, options.dryRun === true);
    const request = await bootstrapOptions(ctx, { args, options });
    if (options.dryRun === true) return { kind: "plan", ...(await workspace.planBootstrap(ctx, request)) };
    return { kind: "workspace", ...(await workspace.bootstrapWorkspace(ctx, request)) };
  },
  render: (answer, ctx) => {
    if (answer.kind === "plan") return renderPlan(answer);
    if (answer.kind === "mirror") {
      return `The mirror is shared from ${answer.to} now.\nflow.yaml says so, and is committed: push the workspace so that others get it.`;
    }
    return renderWorkspace(answer, ctx);
  },
});

async function bootstrapOptions(ctx: CliContext, { args, options }: Invocation): Promise<BootstrapOptions> {
  const text = (name: string) => (typeof options[name] === "string" ? { [name]: options[name] } : {});
  const { org, ...rest } = {
    ...text("org"),
    ...text("module"),
    ...text("mirror"),
    ...text("example"),
    ...text("from"),
  };
  const directory = args.directory ?? (await surroundingWorkspace(ctx));
  if (typeof directory !== "string") {
    throw new FlowError("FLOW_USAGE", "which directory? You are in no workspace", {
      hint: "flow bootstrap DIR --org acme --module example.com/acme",
    });
  }
  const full = options.full === true ? { full: true } : {};
  return { directory, ...rest, ...full, ...(org === undefined ? {} : { organization: org }) };
}

async function surroundingWorkspace(ctx: CliContext): Promise<string | undefined> {
  const { findWorkspaceRoot } = await import("../../../config/index.ts");
  return await findWorkspaceRoot(ctx);
}

async function publish(ctx: CliContext, url: string, dryRun: boolean): Promise<Answer> {
  const { loadWorkspace } = await import("../../../config/index.ts");
  const { publishMirror } = await import("../../../workspace/index.ts");
  const workspace = await loadWorkspace(ctx);
  if (dryRun) {
    const steps = [
      { id: "push", action: `push ${workspace.paths.mirror} to ${url}` },
      { id: "flow.yaml", action: `set mirror.url to ${url} and commit it` },
    ];
    return { kind: "plan", home: workspace.paths.home, steps };
  }
  return { kind: "mirror", ...(await publishMirror(ctx, workspace, url)) };
}

function renderPlan({ home, steps }: { home: string; steps: PlannedStep[] }): string {
  const width = Math.max(...steps.map(({ id }) => id.length));
  return [`In ${home}:`, ...steps.map(({ id, action }) => `  ${id.padEnd(width)}   ${action ?? "nothing to do"}`)].join(
    "\n",
  );
}

function renderWorkspace({ home, repositories }: BootstrapResult, ctx: CliContext): string {
  const inside = ctx.cwd === home;
  const next = [
    ...(inside ? [] : [["go there", `cd ${shellWord(home)}`]]),
    ["put its tools on your PATH", "source flow.sh"],
    repositories.length === 0
      ? ["begin a repository with a service", "flow new service hello"]
      : ["start the services", "flow run"],
  ];
  return [
    `The workspace ${home} is ready. Go on with:`,
    "",
    ...next.flatMap(([explanation, line]) => [`  # ${explanation}`, `  ${line}`]),
  ].join("\n");
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
