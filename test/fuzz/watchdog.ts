import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";

/** A case takes milliseconds; one that takes so many seconds hangs. */
const patienceSeconds = 20;

const source = `
  const { workerData } = require("node:worker_threads");
  const state = new Int32Array(workerData);
  let last, since = Date.now();
  setInterval(() => {
    if (state[0] !== last) { last = state[0]; since = Date.now(); }
    else if (Date.now() - since > ${patienceSeconds * 1_000}) {
      require("node:fs").writeSync(2, "hangs with --seed " + last + "\\n");
      process.kill(process.pid, "SIGKILL");
    }
  }, 1_000);
`;

/** Ends the process, naming the seed, when a case does not end: nothing in its own thread could. */
export class Watchdog {
  readonly #state: Int32Array = new Int32Array(new SharedArrayBuffer(4));
  readonly #worker: Worker = new Worker(source, { eval: true, workerData: this.#state.buffer });

  begins(seed: number): void {
    this.#state[0] = seed;
  }

  stop(): void {
    void this.#worker.terminate();
  }
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What the heap holds that is in use. */
export function heapMiB(): number {
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}
