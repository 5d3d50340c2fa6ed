import { FlowError } from "../../../core/errors.ts";
import { defineCommand } from "../../command.ts";
import { renderImport } from "./render.ts";
import { platformOption, refreshAfter, vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor add",
  summary: "bring a package, a Go module or a git repository into the mirror",
  examples: [
    { command: "flow vendor add npm:pino@^10", explanation: "a package of npm with all that it needs" },
    { command: "flow vendor add go:github.com/org/mod@v1.2.3", explanation: "a Go module with all that it requires" },
    { command: "flow vendor add https://github.com/org/repo.git@v1.2.3", explanation: "a git repository at a tag" },
    {
      command: "flow vendor add git@host:org/repo.git --ref release/2 --prefix third/repo",
      explanation: "a branch, into a directory of your choice",
    },
    { command: "flow vendor add --lock shop/package-lock.json", explanation: "all that an existing lock holds" },
  ],
  arguments: [
    {
      syntax: "[spec...]",
      description: "npm:NAME[@RANGE], go:PATH[@VERSION], a git URL or path with an optional @REF, or file:PATH.tgz",
    },
  ],
  options: [
    { flags: "--prefix <path>", description: "directory in the mirror of a git source (default: host/org/repo)" },
    { flags: "--ref <ref>", description: "branch, tag or commit of a git source, for what @ cannot say" },
    { flags: "--lock <file>", description: "a package-lock.json to take whole, at exactly its versions" },
    platformOption,
  ],
  mutates: true,
  run: async (ctx, { args, options }) => {
    const { addSources } = await import("../../../vendoring/index.ts");
    const target = await vendorTarget(ctx, options);
    const specs = (args.spec ?? []) as string[];
    if (specs.length === 0 && target.options.lock === undefined) {
      throw new FlowError("FLOW_USAGE", "what shall be added?", {
        hint: "for example: flow vendor add npm:pino@^10, or flow vendor add --lock package-lock.json",
      });
    }
    const { holdNodeOf, packedReleases, releaseCompanions } = await import("../../../toolchain/index.ts");
    const companions = await releaseCompanions(ctx, target.dir, specs);
    await holdNodeOf(ctx, { dir: target.dir, tarballs: packedReleases(ctx, specs) }, target.options);
    const result = await addSources(ctx, target.dir, [...specs, ...companions], target.options);
    await refreshAfter(ctx, target);
    return { ...result, dryRun: target.options.dryRun === true };
  },
  render: ({ dryRun, ...result }) => renderImport(result, dryRun),
});
