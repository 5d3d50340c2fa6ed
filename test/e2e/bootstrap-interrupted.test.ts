import { execa } from "execa";
import { createHash } from "node:crypto";
import { lstat, mkdir, mkdtemp, readFile, readdir, readlink, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import type { FlowEvent } from "../../src/core/events.ts";
import { forEachLine } from "../../src/core/process.ts";
import { checkoutRoot } from "../support/context.ts";
import { processesMentioning } from "../support/processes.ts";
import { freshMachine } from "../support/shared-cache.ts";

/** With one person and one date for all commits, equal histories have equal hashes. */
const identity = Object.fromEntries(
  ["AUTHOR", "COMMITTER"].flatMap((role) => [
    [`GIT_${role}_NAME`, "Ada"],
    [`GIT_${role}_EMAIL`, "ada@example.com"],
    [`GIT_${role}_DATE`, "2026-01-02T03:04:05Z"],
  ]),
) as Record<string, string>;

/** A moment of a bootstrap: a step starts, named together with the step of the bootstrap that it belongs to. */
interface Moment {
  within: string;
  id: string;
}

interface Machine {
  workspace: string;
  env: Record<string, string>;
}

/** Starts the bootstrap; `onMoment` hears of every step as it starts. */
function bootstrap({ workspace, env }: Machine, onMoment: (moment: Moment, pid: number) => void = () => {}) {
  const args = ["bootstrap", workspace, "--org", "acme", "--module", "example.com/acme", "--example", "shop"];
  const child = execa(join(checkoutRoot, "bin/flow"), args, {
    cwd: join(workspace, ".."),
    env: { ...env, FLOW_REPORTER: "ndjson" },
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    // A group of its own: Ctrl-C reaches all of it, and nothing of this test.
    detached: true,
  });
  let within = "";
  forEachLine(child.stderr, (line) => {
    const event = line.startsWith('{"type":"step"') ? (JSON.parse(line) as FlowEvent) : undefined;
    if (event?.type !== "step" || event.phase !== "start") return;
    if (event.id.startsWith("bootstrap.")) within = event.id;
    onMoment({ within, id: event.id }, child.pid as number);
  });
  return child;
}

/** Interrupts a bootstrap at a moment; resolves when it, and every program it started, has ended. */
async function interruptAt(machine: Machine, { within, id }: Moment, signal: "SIGKILL" | "SIGINT") {
  let reached = false;
  const result = await bootstrap(machine, (moment, pid) => {
    if (reached || moment.within !== within || moment.id !== id) return;
    reached = true;
    // kill -9 hits flow alone; its programs notice nothing. Ctrl-C goes to the whole group.
    process.kill(signal === "SIGKILL" ? pid : -pid, signal);
  });
  expect(reached, `${within} ${id} was not reached:\n${result.stderr}`).toBe(true);
  await expect.poll(() => processesMentioning(machine.workspace), { timeout: 60_000 }).toEqual([]);
  return result;
}

/** Runs the bootstrap to its end. */
async function finish(machine: Machine, onMoment?: (moment: Moment) => void): Promise<void> {
  const result = await bootstrap(machine, onMoment);
  expect(result, result.stderr).toMatchObject({ exitCode: 0 });
}

/** What makes two workspaces at one path the same: every file, and every commit. git's own storage aside. */
async function observe({ workspace, env }: Machine): Promise<Record<string, string>> {
  const seen: Record<string, string> = {};
  const look = async (dir: string): Promise<void> => {
    for (const entry of await readdir(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      const name = relative(workspace, path);
      if (/(^|\/)(\.git|mirror\.git)\/(objects|logs|hooks|index|COMMIT_EDITMSG)$/.test(name)) continue;
      // Times of files, and the order of keys in the journal.
      if (/^\.flow\/(gen\/(cache|stamp\.json)|bootstrap\.json)$/.test(name)) continue;
      if (entry.isDirectory()) {
        seen[`${name}/`] = "";
        await look(path);
      } else if (entry.isSymbolicLink()) seen[name] = await readlink(path);
      else seen[name] = await describe(path);
    }
  };
  await look(workspace);
  for (const repository of ["", "src/example.com/acme/vendor", "src/example.com/acme/shop"]) {
    const cwd = join(workspace, repository);
    const { stdout } = await execa("git", ["status", "--porcelain", "--branch"], { cwd, env, extendEnv: false });
    seen[`git status of ${repository}`] = stdout;
    await execa("git", ["fsck", "--connectivity-only"], { cwd, env, extendEnv: false });
  }
  return seen;
}

async function describe(path: string): Promise<string> {
  const { size, mode } = await lstat(path);
  const content =
    size > 4e6
      ? "large"
      : createHash("sha1")
          .update(await readFile(path))
          .digest("hex");
  return `${size} ${mode.toString(8)} ${content}`;
}

/** What two observations do not agree on, by path. */
function differences(a: Record<string, string>, b: Record<string, string>): Record<string, unknown> {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  const differing = [...names].filter((name) => a[name] !== b[name]);
  return Object.fromEntries(differing.map((name) => [name, { is: a[name], undisturbed: b[name] }]));
}

test("a bootstrap interrupted at any of its steps is finished by the next one, as if nothing had happened", async () => {
  const dir = await realpath(await mkdtemp(join(tmpdir(), "flow-interrupted-")));
  const [home, workspace] = [join(dir, "home"), join(dir, "workspace")];
  await mkdir(home);
  const machine = { workspace, env: freshMachine(home, identity) };
  try {
    const moments: Moment[] = [];
    await finish(machine, (moment) => moments.push(moment));
    const undisturbed = await observe(machine);
    expect(undisturbed["git status of "]).toBe("## main");
    expect(moments.map(({ id }) => id)).toEqual(
      expect.arrayContaining(["bootstrap.directory", "vendor.import", "tool.buf", "bootstrap.generate"]),
    );
    await rm(workspace, { recursive: true });

    // Each interruption meets what all those before it left; each run gets one step further.
    for (const [index, moment] of moments.entries()) {
      const signal = index % 2 === 0 ? "SIGKILL" : "SIGINT";
      const { exitCode, stderr } = await interruptAt(machine, moment, signal);
      if (signal === "SIGINT") expect(exitCode, `${signal} at ${moment.id} of ${moment.within}\n${stderr}`).toBe(130);
    }
    await finish(machine);
    expect(differences(await observe(machine), undisturbed)).toEqual({});
    expect(processesMentioning(workspace)).toEqual([]);
    expect(await readdir(home)).toEqual([]);
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}, 900_000);
