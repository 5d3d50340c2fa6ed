import { mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import type { Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { skipStep, step } from "../../core/events.ts";
import { removeTree, writeIfChanged } from "../../core/files.ts";
import { run } from "../../core/process.ts";
import { programShim } from "../../toolchain/index.ts";
import { addSources, pushMirror } from "../../vendoring/index.ts";
import { embeddedMirror } from "../request.ts";
import { addOptions, isMaker, type MirrorState } from "./state.ts";

const prefix = "node_modules/goflow";

/** flow itself as a package of the mirror, started by `bin/flow`. */
export async function bringFlow(ctx: FlowContext, workspace: Workspace, state: MirrorState): Promise<void> {
  const { mirror } = state;
  const held = mirror.manifest.prefixes[prefix];
  const described = { id: "bootstrap.flow", title: "flow" };
  if (held === undefined && !isMaker(state)) {
    throw new FlowError("FLOW_TOOL_UNAVAILABLE", "the mirror holds no flow", {
      cause: `there is no ${prefix} in ${workspace.definition.mirror.url}`,
      hint: `whoever keeps the mirror adds it from a checkout of flow: flow vendor add file:$(node scripts/pack.ts | tail -n 1)`,
    });
  }
  if (held !== undefined && !followsCheckout(ctx, workspace, state)) {
    skipStep(ctx, { ...described, detail: `${held.version ?? ""} in the mirror` });
  } else {
    await step(ctx, described, async ({ progress, result }) => {
      progress("packing");
      const { directory, tarball, version } = await packFlow(ctx);
      try {
        if (version !== held?.version) {
          progress("adding it to the mirror");
          await addSources(ctx, mirror.dir, [`file:${tarball}`], addOptions(ctx, workspace));
          await pushMirror(ctx, mirror.dir);
        }
      } finally {
        await removeTree(directory);
      }
      result(`${version} in the mirror`);
    });
  }
  await writeLauncher(workspace);
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

/** `bin/flow`: straight to the mirror's flow, without the launcher's search for a Node. */
async function writeLauncher({ paths }: Workspace): Promise<void> {
  const node = join(paths.bin, "node");
  const shim = programShim([node, join(paths.mirror, prefix, "dist", "cli", "main.js")]);
  const hint = `[ -x ${quote(node)} ] || { echo "flow: pkg/ is gone; bring it back: ${paths.home}/bootstrap.sh" >&2; exit 1; }\n`;
  await writeIfChanged(join(paths.bin, "flow"), shim.replace("\n", `\n${hint}`), 0o755);
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
