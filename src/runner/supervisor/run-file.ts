import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemCode } from "../../core/errors.ts";
import { identify, type ProcessIdentity } from "../../core/proc.ts";

/** `run.json`: where a run can be talked to, and whether its supervisor still lives. */
export interface RunFile {
  id: string;
  /** Path of the control socket. */
  socket: string;
  supervisor: ProcessIdentity;
  startedAt: string;
}

export function runFilePath(directory: string): string {
  return join(directory, "run.json");
}

export function writeRunFile(directory: string, run: Omit<RunFile, "supervisor">): void {
  const path = runFilePath(directory);
  const supervisor = identify(process.pid) ?? { pid: process.pid, startTime: "" };
  writeFileSync(`${path}.new`, JSON.stringify({ ...run, supervisor } satisfies RunFile), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Whether somebody removed the directory of a run that goes on, or began another run in its place. */
export function isRunFileLost(directory: string, id: string): boolean {
  try {
    return (JSON.parse(readFileSync(runFilePath(directory), "utf8")) as RunFile).id !== id;
  } catch (error) {
    return ["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "");
  }
}

/** Takes away the control socket of a supervisor that was killed: each run has its own. */
export function removeStaleSocket(directory: string): void {
  try {
    rmSync((JSON.parse(readFileSync(runFilePath(directory), "utf8")) as RunFile).socket, { force: true });
  } catch {
    // There was no run, or it ended properly.
  }
}

export function removeRunFile(directory: string): void {
  rmSync(runFilePath(directory), { force: true });
}
