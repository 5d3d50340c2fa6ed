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

/** A running process as the system's table shows it. */
export interface ProcessRow extends ProcessIdentity {
  parent: number;
  group: number;
  /** Name of its program, cut to 15 characters on Linux. */
  name: string;
}

/** All running processes; zombies are not running. */
export function listProcesses(): ProcessRow[] {
  if (process.platform !== "linux") return listByPs();
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  return names.flatMap((entry) => {
    const pid = Number(entry);
    const stat = Number.isInteger(pid) ? linuxStat(pid) : undefined;
    if (stat === undefined || stat.state === "Z" || stat.state === "X") return [];
    const { parent, group, startTime, name } = stat;
    return [{ pid, parent, group, startTime, name }];
  });
}

function listByPs(): ProcessRow[] {
  let text: string;
  try {
    text = execFileSync("ps", ["-axo", "pid=,ppid=,pgid=,stat=,lstart=,comm="], { encoding: "utf8" });
  } catch {
    return [];
  }
  // lstart is five words: `Tue Nov 24 14:38:59 2026`.
  const row = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+((?:\S+\s+){4}\S+)\s+(.*)$/;
  return text.split("\n").flatMap((line) => {
    const [, pid, parent, group, state = "Z", startTime = "", path = ""] = row.exec(line) ?? [];
    if (state.startsWith("Z")) return [];
    const name = path.slice(path.lastIndexOf("/") + 1);
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), startTime, name }];
  });
}

interface LinuxStat {
  name: string;
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
  const end = text.lastIndexOf(")");
  const fields = text.slice(end + 2).split(" ");
  return {
    name: text.slice(text.indexOf("(") + 1, end),
    state: fields[0] ?? "",
    parent: Number(fields[1]),
    group: Number(fields[2]),
    startTime: fields[19] ?? "",
  };
}

/** A variable of the environment that a process of this user was started with, by `/proc`; undefined where there is none. */
export function startVariable(pid: number, name: string): string | undefined {
  let environment: Buffer;
  try {
    environment = readFileSync(`/proc/${pid}/environ`);
  } catch {
    return undefined;
  }
  const key = `${name}=`;
  const at = environment.indexOf(`\0${key}`) + 1;
  if (at === 0 && environment.indexOf(key) !== 0) return undefined;
  const end = environment.indexOf(0, at);
  return environment.toString("utf8", at + key.length, end === -1 ? undefined : end);
}

/** Running processes of this user that were started with `NAME=value`, by `/proc`. Empty where there is no `/proc`. */
export function findByEnvironment(name: string, value: string): number[] {
  return listProcesses().flatMap(({ pid }) => (startVariable(pid, name) === value ? [pid] : []));
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
