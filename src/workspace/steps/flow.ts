import { mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { exampleNpmSpecs } from "../../codegen/index.ts";
import type { Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { skipStep, step } from "../../core/events.ts";
import { removeTree } from "../../core/files.ts";
import { run } from "../../core/process.ts";
import {
  defaultPackages,
  flowPrefix as prefix,
  holdNode,
  installFlow,
  releaseCompanions,
} from "../../toolchain/index.ts";
import { addSources, pushMirror } from "../../vendoring/index.ts";
import { embeddedMirror } from "../request.ts";
import { addOptions, exampleStep, isMaker, type MirrorState } from "./state.ts";

/**
 * flow itself as a package of the mirror, started by `bin/flow`, and with it the packages that a new mirror starts
 * with: one resolution, one import.
 */
export async function bringFlow(ctx: FlowContext, workspace: Workspace, state: MirrorState): Promise<void> {
  const { mirror } = state;
  const held = mirror.manifest.prefixes[prefix];
  const described = { id: "bootstrap.flow", title: "flow" };
  if (held === undefined && !isMaker(state)) throw noFlow(workspace);
  const packages = firstPackages(state);
  if (held !== undefined && packages.length === 0 && !followsCheckout(ctx, workspace, state)) {
    skipStep(ctx, { ...described, detail: `${held.version ?? ""} in the mirror` });
  } else {
    await step(ctx, described, async ({ progress, result }) => {
      progress("packing");
      const { directory, tarball, version } = await packFlow(ctx);
      try {
        const specs = [...(version === held?.version ? [] : [`file:${tarball}`]), ...packages];
        progress("adding it to the mirror");
        const companions = await releaseCompanions(ctx, mirror.dir, specs);
        if (specs.length > 0) await addSources(ctx, mirror.dir, [...specs, ...companions], addOptions(ctx, workspace));
      } finally {
        await removeTree(directory);
      }
      // An embedded mirror serves this machine alone, which has Node.
      if (workspace.definition.mirror.url !== embeddedMirror) {
        const { platforms } = workspace.definition;
        await holdNode(ctx, { dir: mirror.dir, platforms }, addOptions(ctx, workspace));
      }
      await pushMirror(ctx, mirror.dir);
      result(`${version} in the mirror`);
    });
  }
  await installFlow(ctx, workspace, {
    follow: followsCheckout(ctx, workspace, state) && workspace.definition.flow === undefined,
  });
}

/** What a new mirror holds beside flow, unless it does already. */
function firstPackages(state: MirrorState): string[] {
  if (!isMaker(state)) return [];
  const { mirror, request } = state;
  const tools = Object.entries(defaultPackages).map(([name, version]) => `npm:${name}@${version}`);
  const example = request.example === undefined || request.done.includes(exampleStep) ? [] : exampleNpmSpecs;
  return [...tools, ...example].filter(
    (spec) => mirror.manifest.prefixes[`node_modules/${packageName(spec)}`] === undefined,
  );
}

/** `npm:@scope/name@^1.0.0` is `@scope/name`. */
function packageName(spec: string): string {
  return spec.slice("npm:".length).replace(/(?<=.)@.*$/, "");
}

function noFlow({ definition }: Workspace): FlowError {
  return new FlowError("FLOW_TOOL_UNAVAILABLE", "the mirror holds no flow", {
    cause: `there is no ${prefix} in ${definition.mirror.url}`,
    hint: "whoever keeps the mirror adds it from a checkout of flow: flow vendor add file:$(node scripts/pack.ts | tail -n 1)",
  });
}

/** A workspace with a mirror of its own, bootstrapped from a checkout, gets the checkout's present state. */
function followsCheckout(ctx: FlowContext, { definition }: Workspace, state: MirrorState): boolean {
  return ctx.installation.kind === "checkout" && isMaker(state) && definition.mirror.url === embeddedMirror;
}

interface PackedFlow {
  /** Temporary; holds the tarball alone. */
  directory: string;
  tarball: string;
  version: string;
}

/** This flow as a package's tarball: a checkout builds its release, a release packs its own files. */
async function packFlow(ctx: FlowContext): Promise<PackedFlow> {
  const { root, nodePath, kind, version } = ctx.installation;
  const directory = await mkdtemp(join(tmpdir(), "flow-pack-"));
  if (kind === "checkout") {
    const { stdout } = await run(ctx, [nodePath, join(root, "scripts", "pack.ts"), "--out", directory], { cwd: root });
    const tarball = stdout.trimEnd().split("\n").at(-1) ?? "";
    return { directory, tarball, version: basename(tarball, ".tgz").replace(/^goflow-/, "") };
  }
  const { create } = await import("tar");
  const tarball = join(directory, `goflow-${version}.tgz`);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !file.startsWith(join("node_modules", "")))
    .sort();
  await create(
    { cwd: root, file: tarball, gzip: true, portable: true, mtime: new Date(0), prefix: "package", noDirRecurse: true },
    files,
  );
  return { directory, tarball, version };
}
