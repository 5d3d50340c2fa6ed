import { execa } from "execa";
import { copyFile, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Git } from "../../src/core/git/index.ts";
import { commitImport, prepareImport } from "../../src/vendoring/import.ts";
import { initMirror, openMirror, type Manifest } from "../../src/vendoring/index.ts";
import { publish } from "../../src/vendoring/publish.ts";
import { readObjects } from "../../src/vendoring/trees.ts";
import type { Incoming, UpstreamFile } from "../../src/vendoring/types.ts";
import { testContext } from "../support/context.ts";
import type { Bench } from "./support/bench.ts";
import { bigMirror } from "./support/big-mirror.ts";
import { interleave, median, type Case } from "./support/measure.ts";
import { comparison, duration, markdownTable } from "./support/table.ts";

/** Their closure holds about 300 packages. */
const wanted = ["express@5.2.1", "pino@10.1.0", "yargs@18.0.0", "commander@14.0.2", "jest@30.0.0"];
/** Prefixes that `git subtree` adds one after the other; the rest is told from them. */
const sampleSize = 10;

/** About 300 packages of npm brought into mirrors, beside `git subtree` and beside npm. */
export async function measure(bench: Bench): Promise<string> {
  const { release, dir, home, env } = bench;
  const ctx = testContext(dir, {
    env: { ...env, GIT_AUTHOR_NAME: "A", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "A", GIT_COMMITTER_EMAIL: "a@b" },
  });
  const flow = async (cwd: string, ...args: string[]) =>
    await execa(process.execPath, [join(release.directory, "dist/cli/main.js"), ...args], {
      cwd,
      env: { ...env, FLOW_REPORTER: "silent" },
      extendEnv: false,
      stdin: "ignore",
    });
  const made = join(dir, "made");
  await mkdir(made);
  await execa("git", ["init", "-q", "-b", "main"], { cwd: made });
  await flow(made, "vendor", "add", ...wanted.map((spec) => `npm:${spec}`));
  const incoming = await incomingOf(ctx, made);

  const npm = await besideNpm(bench, { made, flow });
  const big = await bigMirror();
  const clone = join(dir, "big");
  await execa("git", ["clone", "--quiet", big.dir, clone]);
  const tables: string[] = [];
  for (const [name, prepare] of [
    ["an empty mirror", () => emptyMirror(join(dir, "empty"))],
    [`a mirror of ${big.objects.toLocaleString("en")} objects`, () => resetMirror(clone)],
  ] as const) {
    tables.push(`**Into ${name}**`, await besideSubtree(ctx, { incoming, made, prepare }));
  }
  const reads = await interleave(
    [
      timed("`flow vendor status`", () => flow(made, "vendor", "status", "--json")),
      timed("`flow vendor verify`", () => flow(made, "vendor", "verify", "--json")),
      timed("manifest rebuilt from history", () => flow(made, "vendor", "doctor", "--rebuild", "--dry-run", "--json")),
    ],
    { rounds: 7, warmUp: 1 },
  );
  void home;
  return [
    `${incoming.length} packages of npm. Resolved, downloaded, verified, committed and checked out by \`flow vendor add --lock\`, beside \`npm ci\` of the same lock:`,
    npm,
    `The import alone, from verified tarballs in memory to commits and files, beside \`git subtree add --squash\` of the same commits, one prefix after the other. ${sampleSize} prefixes, spread over the list, were measured, and what all would take is told from them.`,
    ...tables,
    `In the mirror of these ${incoming.length} prefixes, as commands of the packed release:`,
    markdownTable(
      ["", "median", "least – most"],
      reads.map(({ name, times }) => [
        name,
        duration(median(times)),
        `${duration(Math.min(...times))} – ${duration(Math.max(...times))}`,
      ]),
    ),
  ].join("\n\n");
}

function timed(name: string, run: () => Promise<unknown>): Case {
  return { name, run: async () => void (await run()) };
}

type Flow = (cwd: string, ...args: string[]) => Promise<unknown>;

async function besideNpm({ dir, home, env }: Bench, { made, flow }: { made: string; flow: Flow }): Promise<string> {
  const [project, mirror, npmCache] = [join(dir, "project"), join(dir, "mirror"), join(dir, "npm-cache")];
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--cache", npmCache];
  const npmCi = async () =>
    void (await execa("npm", ["ci", ...quiet], { cwd: project, env, extendEnv: false, stdin: "ignore" }));
  const prepareNpm = (isCold: boolean) => async () => {
    await remove(project);
    if (isCold) await remove(npmCache);
    await mkdir(project);
    for (const file of ["package.json", "package-lock.json"]) await copyFile(join(made, file), join(project, file));
  };
  const prepareFlow = (isCold: boolean) => async () => {
    await emptyMirror(mirror);
    if (isCold) await remove(join(home, ".cache/flow/npm"));
  };
  const add = async () => void (await flow(mirror, "vendor", "add", "--lock", join(made, "package-lock.json")));
  const cold = "`npm ci`, cold cache";
  const samples = await interleave(
    [
      { name: cold, prepare: prepareNpm(true), run: npmCi },
      { name: "`npm ci`, warm cache", prepare: prepareNpm(false), run: npmCi },
      { name: "`flow vendor add --lock`, cold cache", prepare: prepareFlow(true), run: add },
      { name: "`flow vendor add --lock`, warm cache", prepare: prepareFlow(false), run: add },
    ],
    { rounds: 3 },
  );
  return comparison(samples, cold);
}

async function emptyMirror(mirror: string): Promise<string> {
  await remove(mirror);
  await mkdir(mirror);
  await execa("git", ["init", "-q", "-b", "main"], { cwd: mirror });
  return mirror;
}

async function resetMirror(clone: string): Promise<string> {
  await execa("git", ["reset", "--quiet", "--hard", "origin/main"], { cwd: clone });
  await execa("git", ["clean", "-q", "-d", "-f", "-x"], { cwd: clone });
  return clone;
}

type Context = ReturnType<typeof testContext>;

/** The packages of a mirror as they came out of their tarballs. */
async function incomingOf(ctx: Context, mirror: string): Promise<Incoming[]> {
  const git = new Git(ctx, mirror);
  const { prefixes } = JSON.parse(await readFile(join(mirror, "vendor-manifest.json"), "utf8")) as Manifest;
  const incoming: Incoming[] = [];
  for (const [prefix, { source, ref, version = "", integrity = "", licence, commit }] of Object.entries(prefixes)) {
    const entries = (await git.list(["ls-tree", "-r", "-z", commit])).map((line) => {
      const [mode = "", , hash = ""] = line.slice(0, line.indexOf("\t")).split(" ");
      return { path: line.slice(line.indexOf("\t") + 1), mode: mode as UpstreamFile["mode"], hash };
    });
    const contents = await readObjects(
      git,
      entries.map(({ hash }) => hash),
    );
    const files = entries.map(({ path, mode }, index) => ({ path, mode, data: contents[index] as Buffer }));
    const subject = (await git.text(["log", "-1", "--format=%s", commit])).trim();
    incoming.push({ prefix, source, ref, version, integrity, licence, subject, content: { files } });
  }
  return incoming;
}

async function besideSubtree(
  ctx: Context,
  { incoming, made, prepare }: { incoming: readonly Incoming[]; made: string; prepare: () => Promise<string> },
): Promise<string> {
  const stride = Math.max(1, Math.floor(incoming.length / sampleSize));
  const top = incoming.filter(({ prefix }) => prefix.lastIndexOf("node_modules/") === 0);
  const sample = top.filter((_, index) => index % stride === 0).slice(0, sampleSize);
  const commits = (JSON.parse(await readFile(join(made, "vendor-manifest.json"), "utf8")) as Manifest).prefixes;
  let mirror = "";
  const start = async () => {
    mirror = await prepare();
    await initMirror(ctx, { dir: mirror });
    await execa("git", ["fetch", "-q", made, "+refs/flow/upstream/*:refs/bench/*"], { cwd: mirror });
  };
  const samples = await interleave(
    [
      {
        name: "flow, all",
        prepare: start,
        run: async () => {
          const opened = await openMirror(ctx, mirror);
          const git = new Git(ctx, mirror);
          const plan = { incoming, remove: [], refs: {}, files: {}, links: {} };
          const prepared = await prepareImport(ctx, opened, plan);
          const { head } = await commitImport(git, prepared);
          await publish(git, { from: opened.head as string, to: head });
        },
      },
      {
        name: "subtree",
        prepare: start,
        run: async () => {
          for (const { prefix } of sample) {
            const commit = commits[prefix]?.commit as string;
            await execa("git", ["subtree", "add", "-q", "--squash", `--prefix=${prefix}`, commit], {
              cwd: mirror,
              env: ctx.env as Record<string, string>,
            });
          }
        },
      },
    ],
    { rounds: 3 },
  );
  const [ours, theirs] = samples.map(({ times }) => median(times)) as [number, number];
  const each = theirs / sample.length;
  const all = each * incoming.length;
  return markdownTable(
    ["", "measured", `all ${incoming.length}`, "ratio"],
    [
      ["flow", `${incoming.length} prefixes: ${duration(ours)}`, duration(ours), "1 ×"],
      [
        "`git subtree add --squash`",
        `${sample.length} prefixes: ${duration(theirs)}, ${duration(each)} each`,
        `${duration(all)} (extrapolated)`,
        `${(all / ours).toFixed(0)} ×`,
      ],
    ],
  );
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
}
