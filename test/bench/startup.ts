import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "./support/bench.ts";
import { interleave, type Case } from "./support/measure.ts";
import { comparison } from "./support/table.ts";

/** What a command costs beside a bare Node: on the packed release, its compile cache warm. */
export async function measure({ release, dir, env }: Bench): Promise<string> {
  const project = join(dir, "project");
  await mkdir(project);
  await writeFile(join(project, "flow.yaml"), "services:\n  web:\n    command: [sleep, '60']\n");
  const command = (name: string, ...argv: [string, ...string[]]): Case => ({
    name,
    run: () => completed(argv, { cwd: project, env }),
  });
  const main = join(release.directory, "dist/cli/main.js");
  const samples = await interleave(
    [
      command("`node -e 0`", process.execPath, "-e", "0"),
      command("`flow --version`", process.execPath, main, "--version"),
      command("`flow ps --json`, no run", process.execPath, main, "ps", "--json"),
      command("`flow help`", process.execPath, main, "help"),
      command("`flow --version` by the launcher", join(release.directory, "bin/flow"), "--version"),
    ],
    { rounds: 31, warmUp: 3 },
  );
  return comparison(samples, "`node -e 0`");
}

/** Runs a program to its end, whatever its exit code, with its output thrown away. */
async function completed(
  [file, ...args]: readonly [string, ...string[]],
  options: { cwd: string; env: Record<string, string> },
): Promise<void> {
  const child = spawn(file, args, { ...options, stdio: "ignore" });
  await new Promise<void>((resolve, reject) => {
    child.once("exit", () => resolve());
    child.once("error", reject);
  });
}
