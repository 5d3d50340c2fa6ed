import { execFile } from "node:child_process";
import type { ProbeResult, Schedule } from "./probe.ts";

const maxOutputBytes = 4096;

/** Runs a program, never a shell: exit code 0 passes, 1 warns, anything else is critical. */
export function probeScript({ args, timeoutMs }: { args: readonly string[] } & Schedule): Promise<ProbeResult> {
  const [file = "", ...rest] = args;
  return new Promise((resolve) => {
    execFile(file, rest, { timeout: timeoutMs, killSignal: "SIGKILL" }, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`.slice(-maxOutputBytes);
      if (error === null) resolve({ status: "passing", output });
      else if (error.code === 1) resolve({ status: "warning", output });
      else resolve({ status: "critical", output: output === "" ? error.message : output });
    });
  });
}
