import { execa } from "execa";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { realConsul } from "../support/consul.ts";
import type { Bench } from "./support/bench.ts";
import { interleave, median, type Case } from "./support/measure.ts";
import { duration, markdownTable } from "./support/table.ts";

const services = ["a", "b", "c", "d", "e"];

/** A service that opens its port and notes when it was spawned. */
const service = [
  `import { createServer } from "node:http";`,
  `import { writeFileSync } from "node:fs";`,
  `writeFileSync(process.env.FLOW_SERVICE + ".spawned", String(performance.timeOrigin));`,
  `createServer((request, response) => response.end("ok")).listen(Number(process.env.PORT), "127.0.0.1");`,
].join("\n");

/** From the command to "ready", and from the command to nothing left, for a fleet in a plain directory. */
export async function measure({ release, dir, env }: Bench): Promise<string> {
  const project = join(dir, "project");
  await mkdir(project);
  await writeFile(join(project, "service.mjs"), service);
  const definitions = services.map((name) => `  ${name}:\n    command: [node, service.mjs]\n    port: auto\n`);
  await writeFile(join(project, "flow.yaml"), `services:\n${definitions.join("")}`);
  const environment = { ...env };
  const consul = realConsul();
  if (consul !== undefined) {
    const bin = join(dir, "bin");
    await mkdir(bin);
    await copyFile(consul, join(bin, "consul"));
    environment.PATH = `${bin}:${env.PATH ?? ""}`;
  }
  const flow = (...args: string[]) =>
    execa(process.execPath, [join(release.directory, "dist/cli/main.js"), ...args], {
      cwd: project,
      env: environment,
      extendEnv: false,
      stdin: "ignore",
    });

  const spawns = new Map<string, number[]>();
  const stops = new Map<string, number[]>();
  const kind = (name: string, ...options: string[]): Case => {
    let begin = 0;
    spawns.set(name, []);
    stops.set(name, []);
    return {
      name,
      run: async () => {
        begin = performance.timeOrigin + performance.now();
        await flow("run", "-d", ...options);
      },
      finish: async () => {
        const spawned = await Promise.all(services.map((one) => readFile(join(project, `${one}.spawned`), "utf8")));
        spawns.get(name)?.push(Math.min(...spawned.map(Number)) - begin);
        const stopping = performance.now();
        await flow("stop");
        stops.get(name)?.push(performance.now() - stopping);
      },
    };
  };
  const samples = await interleave(
    [
      kind("no Consul, no edge", "--consul", "none", "--no-edge"),
      kind("embedded Consul, edge", "--consul", "embedded"),
      ...(consul === undefined ? [] : [kind("real Consul, edge", "--consul", "real")]),
    ],
    { rounds: 7, warmUp: 1 },
    // A run that failed half-way would outlive the directory that it runs in.
  ).finally(() => flow("stop").catch(() => undefined));
  // The warm-up round is in these lists too.
  const counted = (times: number[] | undefined) => duration(median((times ?? []).slice(1)));
  return [
    `\`flow run -d\` of ${services.length} small Node services with a TCP gate each: until the first of them executes, until flow says that all is ready (which it says only when all has been healthy for a second), and \`flow stop\` until nothing is left.`,
    markdownTable(
      ["", "first service executes", "ready", "stopped"],
      samples.map(({ name, times }) => [
        name,
        counted(spawns.get(name)),
        duration(median(times)),
        counted(stops.get(name)),
      ]),
    ),
  ].join("\n\n");
}
