/**
 * Makes a mirror as large as a company's after years: `node scripts/big-mirror.ts DIR [--objects N] [--megabytes N] [--seed N]`.
 * By default about 360,000 objects and 1 GB. The same seed gives the same commits. Its last line is a JSON summary.
 */
import { parseArgs } from "node:util";
import { path } from "zx";
import { makeBigMirror } from "./big-mirror/make.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    objects: { type: "string", default: "360000" },
    megabytes: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
  },
});
const [dir, ...others] = positionals;
if (dir === undefined || others.length > 0) {
  console.error("usage: node scripts/big-mirror.ts DIR [--objects N] [--megabytes N] [--seed N]");
  process.exit(2);
}
const summary = await makeBigMirror(path.resolve(dir), {
  objects: Number(values.objects),
  megabytes: Number(values.megabytes),
  seed: Number(values.seed),
});
console.log(JSON.stringify(summary));
