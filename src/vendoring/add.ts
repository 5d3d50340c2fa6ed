import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { step } from "../core/events.ts";
import type { Git } from "../core/git/index.ts";
import { changeMirror } from "./change.ts";
import { fetchGitSource, type GitSource } from "./git/fetch.ts";
import type { LockSource } from "./npm/lock.ts";
import { refusal } from "./npm/names.ts";
import { readRelease } from "./release.ts";
import { parseSpec } from "./specs.ts";
import type { AddOptions, AddResult, Incoming } from "./types.ts";

/**
 * Adds sources to the mirror that `dir` lies in, or moves the ones it has: resolves, fetches and verifies, then commits
 * all of them at once. A failure at any step leaves the mirror as it was.
 * @param specs `npm:name@range`, `go:path@version`, a git URL or path with an optional `@ref`, or `file:/path.tgz` for a packed release
 */
export async function addSources(
  ctx: FlowContext,
  dir: string,
  specs: readonly string[],
  options: AddOptions,
): Promise<AddResult> {
  if (specs.length > 1 && (options.prefix !== undefined || options.ref !== undefined)) {
    throw new FlowError("FLOW_USAGE", "--prefix and --ref say where one source goes, and there are several", {
      hint: "add them one after the other",
    });
  }
  const { prefix, ref } = options;
  const place = { ...(prefix === undefined ? {} : { prefix }), ...(ref === undefined ? {} : { ref }) };
  const sources = specs.map((spec) => parseSpec(spec, { cwd: ctx.cwd, ...place }));
  const npm = sources.filter((source) => source.kind === "npm");
  const modules = sources.filter((source) => source.kind === "go");
  for (const { registryName } of npm) {
    const refused = refusal(registryName, { ours: options.ownNames ?? [], provided: new Map() });
    if (refused !== undefined) throw refused;
  }
  const lock = options.lock === undefined ? undefined : await readLock(resolve(ctx.cwd, options.lock));
  const what = lock !== undefined ? lock.path : specs.length === 1 ? specs[0] : `${specs.length} sources`;
  return await changeMirror(ctx, dir, { purpose: `adding ${what} to the mirror`, options }, async (_mirror, git) => {
    const fetched = await fetchGitSources(
      ctx,
      git,
      sources.filter((source) => source.kind === "git"),
    );
    const releases = await Promise.all(
      sources.filter((source) => source.kind === "release").map(({ path }) => readRelease(path)),
    );
    return {
      git: fetched,
      npm: {
        add: npm.map(({ name, range = "*" }) => `${name}@${range}`),
        caret: npm.filter(({ range }) => range === undefined).map(({ name }) => name),
        releases,
        ...(lock === undefined ? {} : { lock }),
      },
      ...(modules.length === 0 ? {} : { go: { add: new Map(modules.map(({ path, query }) => [path, query])) } }),
    };
  });
}

async function readLock(path: string): Promise<LockSource> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new FlowError("FLOW_VENDOR_BAD_LOCK", `${path} cannot be read`, {
      cause: error,
      hint: "--lock takes the path of a package-lock.json",
    });
  });
  return { text, path };
}

const parallel = 6;

/** Fetches git sources side by side, each a visible step. A failure ends it when those under way are through. */
export async function fetchGitSources(ctx: FlowContext, git: Git, sources: readonly GitSource[]): Promise<Incoming[]> {
  if (sources.length === 0) return [];
  const fetchOne = (source: GitSource) =>
    step(ctx, { id: `vendor.fetch-git:${source.prefix}`, title: `Fetching ${source.url}` }, ({ progress }) =>
      fetchGitSource(ctx, git, { ...source, onProgress: (line) => progress(line.trim()) }),
    );
  return await step(ctx, { id: "vendor.fetch-git", title: "Fetching git sources" }, async ({ progress }) => {
    const queue = [...sources.entries()];
    const fetched: Incoming[] = [];
    let done = 0;
    const worker = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [index, source] = next;
        fetched[index] = await fetchOne(source);
        progress(source.url, ++done, sources.length);
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: Math.min(parallel, sources.length) }, worker));
    for (const result of ended) if (result.status === "rejected") throw result.reason;
    return fetched;
  });
}
