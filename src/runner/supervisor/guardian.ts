import { spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { runMark } from "./groups.ts";

/**
 * POSIX sh that sleeps on a pipe of the supervisor. At its end without a word, the supervisor was killed: every
 * process with the run's mark (Linux) and every group of the list is ended, TERM first, KILL a second later.
 * A shell, because it costs a megabyte where Node costs forty.
 */
const script = `
mark=$1 groups=$2
read -r word && exit 0
find_all() {
  if [ -r /proc/self/environ ]; then
    grep -lzxF "$mark" /proc/[0-9]*/environ 2>/dev/null | sed 's,^/proc/,,; s,/environ$,,'
  fi
}
signal_all() {
  for pid in $(find_all); do kill -"$1" "$pid" 2>/dev/null; done
  while read -r group; do kill -"$1" -- "-$group" 2>/dev/null; done < "$groups"
}
signal_all TERM
sleep 1
for look in 1 2 3; do
  signal_all KILL
  [ -z "$(find_all)" ] && break
  sleep 0.2
done
exit 0
`;

export interface Guardian {
  readonly pid: number | undefined;
  /** The run ended properly: nothing is left to do. */
  dismiss(): void;
}

/** `groupsFile` holds a process group per line; it only matters where there is no `/proc`, or a mark was wiped. */
export function startGuardian(runId: string, groupsFile: string): Guardian {
  const child = spawn("/bin/sh", ["-c", script, "flow-guardian", `${runMark}=${runId}`, groupsFile], {
    // In a session of its own a Ctrl-C does not reach it.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    env: { PATH: "/usr/bin:/bin:/usr/sbin:/sbin" },
    cwd: "/",
  });
  child.on("error", () => {});
  child.unref();
  const stdin = child.stdin as Writable & { unref?: () => void };
  stdin.on("error", () => {});
  stdin.unref?.();
  return { pid: child.pid, dismiss: () => void stdin.end("done\n") };
}
