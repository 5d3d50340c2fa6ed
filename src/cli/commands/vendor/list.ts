import { defineCommand } from "../../command.ts";
import { columns, renderPresence } from "./render.ts";
import { ownManifests, vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor list",
  summary: "list what the mirror holds",
  examples: [
    { command: "flow vendor list", explanation: "every prefix with its version, licence and source" },
    { command: "flow vendor list --json", explanation: "the whole record of each, hashes included" },
    { command: "flow vendor list --why ms", explanation: "who needs a package, and through whom" },
  ],
  options: [{ flags: "--why <name>", description: "tell who needs this prefix or package" }],
  run: async (ctx, { options }) => {
    const { describeClone, explainPresence, mirrorStatus, openMirror } = await import("../../../vendoring/index.ts");
    const { dir, workspace } = await vendorTarget(ctx);
    const mirror = await openMirror(ctx, dir);
    if (typeof options.why === "string") {
      const own = workspace === undefined ? [] : await ownManifests(workspace);
      return { mirror: mirror.dir, why: await explainPresence(ctx, mirror, { name: options.why, own }) };
    }
    const clone = await describeClone(ctx, mirror);
    return { mirror: mirror.dir, clone, prefixes: await mirrorStatus(ctx, mirror) };
  },
  render: ({ prefixes = [], why }) =>
    why !== undefined
      ? renderPresence(why)
      : prefixes.length === 0
        ? "The mirror holds nothing yet."
        : columns(
            prefixes.map(({ prefix, version, ref, licence, source, state, inWorkTree }) => [
              prefix,
              version ?? ref,
              licence,
              source,
              [state === "clean" ? [] : [state], inWorkTree ? [] : ["not checked out"]].flat().join(", "),
            ]),
          ),
});
