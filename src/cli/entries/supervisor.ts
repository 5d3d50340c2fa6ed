/** The supervisor of `flow run` as a process of its own. The plan comes as JSON on standard input. */
import { text } from "node:stream/consumers";
import type { RunPlan } from "../../runner/types.ts";
import { superviseRun } from "../../runner/supervisor/main.ts";

const plan = JSON.parse(await text(process.stdin)) as RunPlan;
process.title = `flow supervisor ${plan.id}`;
process.stdout.on("error", () => {});
const exitCode = await superviseRun(plan, {
  env: process.env,
  onListening: () => void process.stdout.write('{"listening":true}\n'),
  onSignal: (listener) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => listener(signal));
  },
  onFault: (listener) => {
    process.on("uncaughtException", listener);
    process.on("unhandledRejection", listener);
  },
});
process.exit(exitCode);
