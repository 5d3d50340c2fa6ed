import { spawn, type ChildProcess } from "node:child_process";
import { runMark } from "./census.ts";

/**
 * POSIX sh that sleeps on a pipe of the supervisor: its end without a word means that the supervisor was killed. Then
 * every process of the run is ended: the listed groups, what carries the run's mark (Linux), and their descendants;
 * TERM first, so that they leave Consul, KILL a second later. A shell costs a megabyte where Node costs forty.
 */
const script = `
trap '' HUP INT QUIT TERM
mark=$1 list=$2 engine=$3 label=$4
read -r word && exit 0
groups=$(cat "$list" 2>/dev/null | tr '\\n' ' ')
family=$groups
collect() {
  [ -r /proc/self/environ ] || return 0
  family="$family $(grep -lsF "$mark" /proc/[0-9]*/environ | tr -dc '0-9\\n' | tr '\\n' ' ')"
  more=1
  while [ "$more" = 1 ]; do
    more=0
    for stat in /proc/[0-9]*/stat; do
      { read -r line < "$stat"; } 2>/dev/null || continue
      pid=\${line%% *}
      set -- \${line##*) }
      case " $family " in *" $pid "*) continue ;; esac
      case " $family " in *" $2 "*) family="$family $pid" more=1 ;; esac
    done
  done
}
signal_all() {
  for group in $groups; do kill -s "$1" -- "-$group"; done
  for pid in $family; do kill -s "$1" "$pid"; done
} 2>/dev/null
collect
signal_all TERM
sleep 1
for look in 1 2 3 4 5 6; do
  collect
  signal_all KILL
  sleep 0.1
done
if [ -n "$engine" ]; then
  ids=$("$engine" ps --all --quiet --filter "label=$label")
  [ -z "$ids" ] || { "$engine" kill $ids; "$engine" rm --force --volumes $ids; }
fi >/dev/null 2>&1
`;

export interface Guardian {
  readonly pid: number | undefined;
  /** The run ended properly: nothing is left to do. */
  dismiss(): void;
}

/** Containers that it ends too; `env` is what the engine's command line runs with. */
export interface GuardedContainers {
  engine: string;
  label: string;
  env: Readonly<Record<string, string>>;
}

/** `groupsFile` holds a process group per line. A guardian that is killed is replaced. */
export function startGuardian(runId: string, groupsFile: string, containers?: GuardedContainers): Guardian {
  let dismissed = false;
  let child = launch();

  function launch(): ChildProcess {
    const { engine = "", label = "" } = containers ?? {};
    const args = ["-c", script, "flow-guardian", `${runMark}=${runId}`, groupsFile, engine, label];
    const guardian = spawn("/bin/sh", args, {
      // In a session of its own neither a Ctrl-C nor the end of the terminal reaches it.
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      env: containers?.env ?? { PATH: "/usr/bin:/bin:/usr/sbin:/sbin" },
      cwd: "/",
    });
    guardian.on("error", () => {});
    guardian.stdin?.on("error", () => {});
    guardian.once("exit", () => {
      setTimeout(() => {
        if (!dismissed) child = launch();
      }, 100).unref();
    });
    guardian.unref();
    return guardian;
  }

  return {
    get pid() {
      return child.pid;
    },
    dismiss: () => {
      dismissed = true;
      child.stdin?.end("done\n");
    },
  };
}
