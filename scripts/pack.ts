/**
 * Builds flow's release and packs it as npm does: `node scripts/pack.ts [--out DIR] [--release]`.
 * Its last line is the tarball's path. Unchanged sources are packed once; the same sources give the same bytes.
 */
import { parseArgs } from "node:util";
import { fs, path } from "zx";
import { buildRelease } from "./pack/build.ts";

const { values } = parseArgs({ options: { out: { type: "string" }, release: { type: "boolean", default: false } } });

const { tarball, version, cached } = await buildRelease({ release: values.release });
let result = tarball;
if (values.out !== undefined) {
  const out = path.resolve(values.out);
  await fs.mkdir(out, { recursive: true });
  result = path.join(out, path.basename(tarball));
  const staged = `${result}.${process.pid}.staging`;
  await fs.copyFile(tarball, staged);
  await fs.rename(staged, result);
}
console.error(`goflow ${version} ${cached ? "was built already" : "built"}`);
console.log(result);
