import { showPath } from "../../../core/bytes.ts";
import { defineCommand } from "../../command.ts";
import { columns, renderClone } from "./render.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor status",
  summary: "tell which prefixes of the mirror are patched or changed",
  examples: [
    { command: "flow vendor status", explanation: "needs no network" },
    { command: "flow vendor status --json", explanation: "every prefix with its state and its changed files" },
  ],
  run: async (ctx) => {
    const { describeClone, mirrorStatus, openMirror, waitingConflict } = await import("../../../vendoring/index.ts");
    const mirror = await openMirror(ctx, (await vendorTarget(ctx)).dir);
    const conflict = await waitingConflict(ctx, mirror);
    return {
      mirror: mirror.dir,
      clone: await describeClone(ctx, mirror),
      prefixes: await mirrorStatus(ctx, mirror),
      ...(conflict === undefined ? {} : { conflict }),
    };
  },
  render: ({ prefixes, conflict, clone }) => {
    const notable = prefixes.filter(({ state }) => state !== "clean");
    const clean = prefixes.length - notable.length;
    return [
      ...(conflict === undefined
        ? []
        : [
            "An update waits for you to resolve:",
            ...conflict.map(({ path, kind }) => `  ${showPath(path)} (${kind})`),
            "Then: flow vendor continue. flow vendor abort takes it back.",
            "",
          ]),
      ...(notable.length === 0
        ? []
        : [columns(notable.map(({ state, prefix, version, ref }) => [state, prefix, version ?? ref]))]),
      ...(conflict === undefined ? notable : []).flatMap(({ changes, hidden }) =>
        changes.map(
          (path) =>
            `  not committed: ${showPath(path)}${hidden.includes(path) ? ` (hidden by a .gitignore of the package: git add --force keeps it)` : ""}`,
        ),
      ),
      `${clean} of ${prefixes.length} prefixes are as upstream made them.`,
      ...renderClone(clone, prefixes),
    ].join("\n");
  },
});
