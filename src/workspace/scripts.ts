import { existsSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Workspace } from "../config/index.ts";
import { FlowError } from "../core/errors.ts";
import { nearest } from "../core/suggest.ts";

/** A file of the workspace's `scripts/`. */
export interface WorkspaceScript {
  /** What `flow script` calls it: the file's name without its extension. */
  name: string;
  path: string;
  /** From its header, `summary: …` in a comment; empty without one. */
  summary: string;
  /** From its header, `arguments: …`; empty without one. */
  arguments: string;
}

const byZx = new Set([".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"]);

/** Scripts by name. A directory, and a name that begins with a dot or an underscore, is none. */
export async function listScripts({ paths }: Workspace): Promise<WorkspaceScript[]> {
  const entries = await readdir(paths.scripts, { withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile() && !/^[._]/.test(entry.name));
  const scripts = await Promise.all(files.map(({ name }) => describe(join(paths.scripts, name), name)));
  return scripts.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function describe(path: string, file: string): Promise<WorkspaceScript> {
  const header = await readHeader(path);
  const field = (name: string) =>
    new RegExp(`^\\s*(?://|#|\\*|/\\*+)\\s*${name}:\\s*(.+?)\\s*(?:\\*/)?$`, "m").exec(header)?.[1] ?? "";
  return {
    name: file.slice(0, file.length - extname(file).length),
    path,
    summary: field("summary"),
    arguments: field("arguments"),
  };
}

async function readHeader(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2_048), 0, 2_048, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/**
 * argv that runs a script: JavaScript and TypeScript by zx out of the mirror, under the workspace's Node; anything
 * else by itself, or by `sh` when it is not executable.
 * @throws FlowError FLOW_SCRIPT_UNKNOWN, FLOW_TOOL_UNAVAILABLE when the mirror holds no zx
 */
export async function scriptCommand(
  workspace: Workspace,
  name: string,
  args: readonly string[],
): Promise<[string, ...string[]]> {
  const scripts = await listScripts(workspace);
  const script = scripts.find((candidate) => candidate.name === name);
  if (script === undefined) throw unknownScript(workspace, name, scripts);
  const { paths } = workspace;
  if (byZx.has(extname(script.path))) {
    const zx = join(paths.nodeModules, "zx", "build", "cli.js");
    if (!existsSync(zx)) {
      throw new FlowError("FLOW_TOOL_UNAVAILABLE", "the mirror holds no zx, which runs scripts", {
        hint: "flow vendor add npm:zx",
      });
    }
    return [join(paths.bin, "node"), zx, script.path, ...args];
  }
  const { access, constants } = await import("node:fs/promises");
  const executable = await access(script.path, constants.X_OK).then(
    () => true,
    () => false,
  );
  return executable ? [script.path, ...args] : ["/bin/sh", script.path, ...args];
}

function unknownScript({ paths }: Workspace, name: string, scripts: readonly WorkspaceScript[]): FlowError {
  const names = scripts.map((script) => script.name);
  const suggestion = nearest(name, names);
  return new FlowError("FLOW_SCRIPT_UNKNOWN", `there is no script "${name}" in ${paths.scripts}`, {
    hint: suggestion === undefined ? `scripts are: ${names.join(", ") || "none yet"}` : `did you mean "${suggestion}"?`,
  });
}
