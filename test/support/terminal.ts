import { spawn } from "node:child_process";
import { onTestFinished } from "vitest";

export interface Terminal {
  /** Everything that was written to it so far. */
  said(): string;
  /** Types; `\x03` is Ctrl-C. */
  type(text: string): void;
  /** Closes it, as its window's button does. */
  close(): void;
  /** Resolves with the program's exit code, 128+n after a signal. */
  ended: Promise<number | null>;
}

/** Relays a pseudo-terminal: what comes on standard input is typed, and its end closes the terminal. */
const relay = `
import json, os, pty, select, sys
cwd, env, argv = json.loads(sys.argv[1])
pid, master = pty.fork()
if pid == 0:
    os.chdir(cwd)
    os.execvpe(argv[0], argv, env)
inputs = [0, master]
while inputs:
    for ready in select.select(inputs, [], [])[0]:
        try:
            data = os.read(ready, 65536)
        except OSError:
            data = b""
        if ready == 0 and data:
            os.write(master, data)
        elif data:
            os.write(1, data)
        else:
            inputs = []
os.close(master)
status = os.waitpid(pid, 0)[1]
os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
`;

export interface TerminalOptions {
  cwd: string;
  env: Record<string, string>;
}

/** Runs a program in a terminal of its own, with a session of its own. */
export function openTerminal(argv: readonly string[], { cwd, env }: TerminalOptions): Terminal {
  const child = spawn("python3", ["-c", relay, JSON.stringify([cwd, env, argv])], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.on("error", () => {});
  onTestFinished(() => void child.kill("SIGKILL"));
  return {
    said: () => said,
    type: (text) => void child.stdin.write(text),
    close: () => child.stdin.end(),
    ended: new Promise((resolve) => child.once("exit", (code) => resolve(code))),
  };
}
