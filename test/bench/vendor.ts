import { execa } from "execa";
import { copyFile, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "./support/bench.ts";
import { interleave, median } from "./support/measure.ts";
import { comparison, duration, markdownTable } from "./support/table.ts";

/** Their closure holds about a hundred packages. */
const wanted = ["express@5.2.1", "pino@10.1.0", "yargs@18.0.0", "commander@14.0.2"];

const steps = {
  "vendor.resolve": "resolving",
  "vendor.fetch": "download and verification",
  "vendor.import": "import: objects, commits, checkout",
};

/** A closure of npm packages brought into an empty mirror, beside `npm ci` of the lock that flow wrote for it. */
export async function measure({ release, dir, home, env }: Bench): Promise<string> {
  const mirror = join(dir, "mirror");
  const project = join(dir, "project");
  const npmCache = join(dir, "npm-cache");
  const times = new Map<string, number[]>(Object.keys(steps).map((id) => [id, []]));

  const flow = async () => {
    const command = ["vendor", "add", ...wanted.map((spec) => `npm:${spec}`), "--json"];
    const { stderr } = await execa(process.execPath, [join(release.directory, "dist/cli/main.js"), ...command], {
      cwd: mirror,
      env: { ...env, FLOW_REPORTER: "ndjson" },
      extendEnv: false,
      stdin: "ignore",
    });
    for (const line of stderr.split("\n").filter((text) => text.startsWith("{"))) {
      const event = JSON.parse(line) as { phase?: string; id?: string; durationMs?: number };
      if (event.phase === "done" && event.durationMs !== undefined) times.get(event.id ?? "")?.push(event.durationMs);
    }
  };
  const emptyMirror = async () => {
    await rm(mirror, { recursive: true, force: true });
    await rm(join(home, ".cache/flow/npm"), { recursive: true, force: true });
    await mkdir(mirror);
    await execa("git", ["init", "-q", "-b", "main"], { cwd: mirror });
  };
  const npm = async (command: string) => {
    const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--cache", npmCache];
    await execa("npm", [command, ...quiet], { cwd: project, env, extendEnv: false, stdin: "ignore" });
  };
  const emptyProject = async () => {
    await rm(project, { recursive: true, force: true });
    await rm(npmCache, { recursive: true, force: true });
    await mkdir(project);
    for (const file of ["package.json", "package-lock.json"]) await copyFile(join(dir, file), join(project, file));
  };

  await emptyMirror();
  await flow();
  for (const file of ["package.json", "package-lock.json"]) await copyFile(join(mirror, file), join(dir, file));
  const lock = JSON.parse(await readFile(join(dir, "package-lock.json"), "utf8")) as { packages: object };
  const count = Object.keys(lock.packages).length - 1;
  for (const list of times.values()) list.length = 0;

  const samples = await interleave(
    [
      { name: "`npm ci`, cold cache", prepare: emptyProject, run: () => npm("ci") },
      { name: "`flow vendor add`, cold cache", prepare: emptyMirror, run: flow },
    ],
    { rounds: 5 },
  );
  const parts = Object.entries(steps).map(([id, title]) => [title, duration(median(times.get(id) ?? []))]);
  return [
    `${count} packages of npm into an empty mirror: resolved, fetched, verified, committed as git subtree does, and checked out, beside \`npm ci\` of the same lock, which resolves and commits nothing. What flow's time goes into stands below.`,
    comparison(samples, "`npm ci`, cold cache"),
    markdownTable(["step of `flow vendor add`", "median"], parts),
  ].join("\n\n");
}
