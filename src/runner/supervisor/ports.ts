import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";

/** Below what systems hand out by themselves (32768 and up), so that no outgoing connection sits on a sticky port. */
const range = { from: 20_000, to: 32_000 } as const;

/** Whether nobody listens on a port of loopback. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** A port that is free now and not among `taken`. */
export async function freePort(taken: ReadonlySet<number> = new Set()): Promise<number> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const port = randomInt(range.from, range.to);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new Error(`no port is free between ${range.from} and ${range.to}`);
}

/** PID of a process that listens on a port; undefined when it cannot be told, as for one of another user. */
export function portOwner(port: number): number | undefined {
  if (process.platform !== "linux") return ownerByLsof(port);
  const sockets = listeningSockets(port);
  if (sockets.size === 0) return undefined;
  const pids = entriesOf("/proc").filter((name) => /^\d+$/.test(name));
  const owner = pids.find((pid) => holds(pid, sockets));
  return owner === undefined ? undefined : Number(owner);
}

/** Whether one of these processes listens on a port; undefined where it cannot be told. */
export function listensOn(port: number, pids: readonly number[]): boolean | undefined {
  if (process.platform !== "linux") return undefined;
  const sockets = listeningSockets(port);
  return sockets.size === 0 ? undefined : pids.some((pid) => holds(String(pid), sockets));
}

function ownerByLsof(port: number): number | undefined {
  try {
    const text = execFileSync("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-t"], { encoding: "utf8" });
    return Number.parseInt(text, 10) || undefined;
  } catch {
    return undefined;
  }
}

function holds(pid: string, sockets: ReadonlySet<string>): boolean {
  return entriesOf(`/proc/${pid}/fd`).some((descriptor) => {
    try {
      return sockets.has(readlinkSync(`/proc/${pid}/fd/${descriptor}`));
    } catch {
      return false;
    }
  });
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Sockets that listen on a port, as links in `/proc/PID/fd` name them. */
function listeningSockets(port: number): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const found = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    let text: string;
    try {
      text = readFileSync(table, "utf8");
    } catch {
      continue;
    }
    // proc(5): state 0A is LISTEN, addresses are hexadecimal, the tenth field is the socket's number.
    for (const line of text.split("\n")) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(suffix) === true && fields[3] === "0A") found.add(`socket:[${fields[9] ?? ""}]`);
    }
  }
  return found;
}
