/**
 * Measures and writes docs/benchmarks.md: `npm run bench [startup|vendor|import|mirror|toolchain|run|bootstrap|transport]...`, all without a name.
 * What is compared is measured in one run, in turns; ratios travel between machines, times do not.
 */
import { withBench, type Bench } from "./support/bench.ts";
import { writeResult } from "./support/report.ts";

const benchmarks: Record<string, () => Promise<{ measure(bench: Bench): Promise<string> }>> = {
  startup: () => import("./startup.ts"),
  vendor: () => import("./vendor.ts"),
  toolchain: () => import("./toolchain.ts"),
  import: () => import("./import.ts"),
  mirror: () => import("./mirror.ts"),
  run: () => import("./run.ts"),
  bootstrap: () => import("./bootstrap.ts"),
  transport: () => import("./transport.ts"),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(benchmarks, name));
if (unknown.length > 0) {
  console.error(`there is no benchmark "${unknown.join('", "')}"; there are ${Object.keys(benchmarks).join(", ")}`);
  process.exit(2);
}
for (const name of wanted.length > 0 ? wanted : Object.keys(benchmarks)) {
  console.log(`## ${name}`);
  await withBench(async (bench) => {
    const { measure } = await (benchmarks[name] as (typeof benchmarks)[string])();
    const body = await measure(bench);
    console.log(`${body}\n`);
    await writeResult(name, body, bench.release.version);
  });
}
