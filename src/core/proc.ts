import { readFileSync, readdirSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { systemCode } from "./errors.ts";

/** Identity of a process that survives the reuse of its number. */
export interface ProcessIdentity {
  pid: number;
  /** Opaque start time: clock ticks since boot on Linux, `ps`'s lstart on macOS. */
  startTime: string;
}

/** Identity of a running process; undefined when there is none (a zombie counts as none). */
export function identify(pid: number): ProcessIdentity | undefined {
  if (process.platform === "linux") {
    const fields = linuxStat(pid);
    if (fields === undefined || fields.state === "Z" || fields.state === "X") return undefined;
    return { pid, startTime: fields.startTime };
  }
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    if (line === "" || line.startsWith("Z")) return undefined;
    return { pid, startTime: line.replace(/^\S+\s+/, "") };
  } catch {
    return undefined;
  }
}

/** Whether this very process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

interface LinuxStat {
  state: string;
  parent: number;
  group: number;
  startTime: string;
}

function linuxStat(pid: number): LinuxStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The command may hold spaces and parentheses; what follows its last parenthesis is regular (proc(5)).
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", parent: Number(fields[1]), group: Number(fields[2]), startTime: fields[19] ?? "" };
}

/** Running processes of this user whose initial environment holds `NAME=value`, by `/proc`. Empty where there is no `/proc`. */
export function findByEnvironment(name: string, value: string): number[] {
  const mark = Buffer.from(`${name}=${value}\0`);
  return runningPids().filter((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`);
      const at = environment.indexOf(mark);
      return (at === 0 || (at > 0 && environment[at - 1] === 0)) && linuxStat(pid)?.state !== "Z";
    } catch {
      return false;
    }
  });
}

function runningPids(): number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** Running (not zombie) members of a process group. */
export function groupMembers(group: number): number[] {
  if (process.platform !== "linux") {
    try {
      const lines = execFileSync("ps", ["-axo", "pid=,pgid=,stat="], { encoding: "utf8" }).trim().split("\n");
      return lines
        .map((line) => line.trim().split(/\s+/))
        .filter(([, pgid, stat]) => Number(pgid) === group && !(stat ?? "").startsWith("Z"))
        .map(([pid]) => Number(pid));
    } catch {
      return [];
    }
  }
  return runningPids().filter((pid) => {
    const stat = linuxStat(pid);
    return stat !== undefined && stat.group === group && stat.state !== "Z" && stat.state !== "X";
  });
}

/** Sends a signal; false when there is no such process (or group, for a negative number). */
export function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (systemCode(error) === "ESRCH") return false;
    if (systemCode(error) === "EPERM") return true;
    throw error;
  }
}
