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
    const { openMirror } = await import("../../../vendoring/index.ts");
    const { dir, manifest } = await openMirror(ctx, (await vendorTarget(ctx)).dir);
    const prefixes = Object.entries(manifest.prefixes).map(([prefix, entry]) => ({ prefix, ...entry }));
    return { mirror: dir, prefixes: prefixes.sort((a, b) => (a.prefix < b.prefix ? -1 : 1)) };
  },
  render: ({ prefixes }) =>
    prefixes.length === 0
      ? "The mirror holds nothing yet."
      : columns(
          prefixes.map(({ prefix, version, ref, licence, source, patched }) => [
            prefix,
            version ?? ref,
            licence,
            source,
            patched ? "patched" : "",
          ]),
        ),
});
