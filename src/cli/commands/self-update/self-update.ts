import { FlowError } from "../../../core/errors.ts";
import type { UpdateResult } from "../../../toolchain/index.ts";
import { defineCommand, type CliContext } from "../../command.ts";
import { isCi } from "../../context.ts";
import { vendorTarget } from "../vendor/target.ts";

type Answer =
  | ({ kind: "update" | "rollback" } & UpdateResult)
  | { kind: "check"; current: string | null; available: string; from: string; newer: boolean }
  | { kind: "plan"; steps: string[] };

export const command = defineCommand<Answer>({
  name: "self-update",
  summary: "move this workspace to another version of flow, with its Node and tools",
  examples: [
    { command: "flow self-update", explanation: "the newest release that the mirror holds" },
    { command: "flow self-update --check", explanation: "only say whether there is a newer one" },
    { command: "flow self-update --rollback", explanation: "back to the version before, without a network" },
  ],
  options: [
    { flags: "--to <version>", description: "exactly this version, older ones too" },
    {
      flags: "--channel <channel>",
      description: "next takes pre-releases (default: stable)",
      choices: ["stable", "next"],
    },
    { flags: "--check", description: "say what there is, and change nothing" },
    { flags: "--rollback", description: "return to what was in use before the last update" },
  ],
  mutates: true,
  run: async (ctx, { options }) => {
    const { loadWorkspace } = await import("../../../config/index.ts");
    const toolchain = await import("../../../toolchain/index.ts");
    const { check, rollback, dryRun } = options;
    if (rollback === true && (check ?? options.to ?? options.channel) !== undefined)
      throw new FlowError("FLOW_USAGE", "--rollback goes to the version before: it takes no other option");
    if (check !== true && dryRun !== true) refuseInCi(ctx);
    const workspace = await loadWorkspace(ctx);
    if (rollback === true) {
      if (dryRun !== true) return { kind: "rollback", ...(await toolchain.rollBack(ctx, workspace)) };
      const { from, to } = await toolchain.findPrevious(workspace);
      return { kind: "plan", steps: [`try flow ${to}`, `switch from flow ${from ?? "none"} to ${to}, with its tools`] };
    }
    const request = {
      ...(typeof options.to === "string" ? { to: options.to } : {}),
      ...(typeof options.channel === "string" ? { channel: options.channel as "stable" | "next" } : {}),
    };
    if (check === true || dryRun === true) {
      const { from, release } = await toolchain.findUpdate(ctx, workspace, request);
      if (dryRun === true) return { kind: "plan", steps: plan(from, release) };
      const current = from ?? null;
      const { default: semver } = await import("semver");
      const newer = current === null || semver.gt(release.version, current);
      return { kind: "check", current, available: release.version, from: release.from, newer };
    }
    const { refreshWorkspace } = await import("../../../workspace/index.ts");
    const onMirror = async () => void (await refreshWorkspace(ctx, workspace));
    const addToMirror = async (specs: readonly string[]) => {
      const { addSources } = await import("../../../vendoring/index.ts");
      const { dir, options: adding } = await vendorTarget(ctx);
      await addSources(ctx, dir, specs, adding);
    };
    return { kind: "update", ...(await toolchain.selfUpdate(ctx, workspace, { ...request, onMirror, addToMirror })) };
  },
  render: (answer) => {
    if (answer.kind === "plan") return answer.steps.join("\n");
    if (answer.kind === "check") {
      const { current, available, from, newer } = answer;
      if (newer)
        return `flow ${available} can be had from ${from}; ${current ?? "none"} is in use. flow self-update moves there.`;
      return available === current
        ? `flow ${available} is in use, and the newest there is.`
        : `flow ${current} is in use; ${from} holds ${available}, which is older.`;
    }
    if (!answer.changed) return `flow ${answer.to} is in use already.`;
    if (answer.kind === "rollback") return `flow ${answer.to} is in use again, with its tools.`;
    return [
      `flow ${answer.to} is in use${answer.from === null ? "" : `; it was ${answer.from}`}. Go on with:`,
      "",
      "  # generate what the new generators write differently",
      "  flow gen",
      "  # if it does not suit you",
      "  flow self-update --rollback",
    ].join("\n");
  },
});

/** What a CI builds with must not depend on the day it runs. */
function refuseInCi({ env }: CliContext): void {
  if (!isCi(env)) return;
  throw new FlowError("FLOW_UPDATE_REFUSED", "flow does not update itself in a CI", {
    cause: "the variable CI is set",
    hint: 'a CI takes the version that the workspace pins ("flow:" in flow.yaml) by ./bootstrap.sh',
  });
}

function plan(from: string | undefined, { version, from: source }: { version: string; from: string }): string[] {
  if (from === version) return [`nothing: flow ${version} is in use`];
  return [
    `fetch flow ${version} from ${source} into pkg/flow/${version}`,
    "check its signature and files",
    "bring the mirror up to date, and the Node and tools that it and the mirror pin",
    `try flow ${version}`,
    `switch from flow ${from ?? "none"}, with all tools, in one step`,
  ];
}
