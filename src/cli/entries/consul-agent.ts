import { runConsulAgent } from "../../consul/embedded/process.ts";

process.exitCode = await runConsulAgent({
  args: process.argv.slice(2),
  cwd: process.cwd(),
  pid: process.pid,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  onSignal: (callback) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => callback(signal));
  },
});
