/**
 * Feeds connections of both roles with frames that are almost right: `npm run fuzz -- [--seconds N] [--seed N]`.
 * A failure names its seed; with it the same case runs alone.
 */
import { parseArgs } from "node:util";
import { fuzzCase } from "./connection.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "30" }, seed: { type: "string" } },
});
const end = performance.now() + Number(values.seconds) * 1_000;
let seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
let cases = 0;
do {
  try {
    await fuzzCase(seed);
  } catch (error) {
    console.error(`failed with --seed ${seed}`);
    throw error;
  }
  cases++;
  seed++;
} while (values.seed === undefined && performance.now() < end);
console.log(`${cases} cases, none failed`);
