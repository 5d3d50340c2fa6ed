import { defineCommand } from "../../command.ts";
import { columns } from "./render.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor list",
  summary: "list what the mirror holds",
  examples: [
    { command: "flow vendor list", explanation: "every prefix with its version, licence and source" },
    { command: "flow vendor list --json", explanation: "the whole record of each, hashes included" },
  ],
  run: async (ctx) => {
    const { mirrorStatus, openMirror } = await import("../../../vendoring/index.ts");
    const mirror = await openMirror(ctx, (await vendorTarget(ctx)).dir);
    return { mirror: mirror.dir, prefixes: await mirrorStatus(ctx, mirror) };
  },
  render: ({ prefixes }) =>
    prefixes.length === 0
      ? "The mirror holds nothing yet."
      : columns(
          prefixes.map(({ prefix, version, ref, licence, source, state }) => [
            prefix,
            version ?? ref,
            licence,
            source,
            state === "clean" ? "" : state,
          ]),
        ),
});
