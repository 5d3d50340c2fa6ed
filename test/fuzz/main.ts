/**
 * Random conversations with connections of both roles: `npm run fuzz -- [--seconds N] [--seed N] [--coverage]`.
 * A failure names its seed; with it the same case runs alone. `--coverage` says which lines of src/http2 were reached.
 */
import { parseArgs } from "node:util";
import { fuzzCase } from "./connection.ts";
import { Coverage } from "./coverage.ts";
import { heapMiB, Watchdog } from "./watchdog.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "30" }, seed: { type: "string" }, coverage: { type: "boolean" } },
});
/** What a run may grow by: more is a leak. */
const mostGrowthMiB = 48;
const warmUp = 2_000;

const coverage = values.coverage === true ? new Coverage() : undefined;
const end = performance.now() + Number(values.seconds) * 1_000;
const first = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const watchdog = new Watchdog();
let seed = first;
let before = 0;
do {
  watchdog.begins(seed);
  try {
    await fuzzCase(seed);
  } catch (error) {
    console.error(`failed with --seed ${seed}`);
    throw error;
  }
  seed++;
  if (seed - first === warmUp) before = heapMiB();
} while (values.seed === undefined && performance.now() < end);
watchdog.stop();
const growth = before === 0 ? 0 : heapMiB() - before;
console.log(`${seed - first} cases from seed ${first}, none failed; the heap grew by ${growth.toFixed(1)} MiB`);
if (coverage !== undefined) console.log(coverage.report());
if (growth > mostGrowthMiB) throw new Error(`the heap grew by ${growth.toFixed(1)} MiB`);
