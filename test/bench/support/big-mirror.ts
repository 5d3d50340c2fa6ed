import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { makeBigMirror, type BigMirror } from "../../../scripts/big-mirror/make.ts";
import { stageDirectory, sweepStaging } from "../../../src/core/files.ts";

const size = { objects: 360_000, megabytes: 1_000, seed: 1 };

/** A mirror as large as a company's, in `root` as `mirror.git`. It is made once on a machine: that takes minutes. */
export async function bigMirror(): Promise<BigMirror & { root: string }> {
  const name = `big-mirror-${size.objects}-${size.megabytes}-${size.seed}`;
  const root = join(homedir(), ".cache", "flow-ci", name);
  const summary = join(root, "summary.json");
  if (!existsSync(summary)) {
    console.error("making a mirror of 360,000 objects and 1 GB");
    await sweepStaging(root);
    await stageDirectory(root, async (staging) => {
      const made = await makeBigMirror(join(staging, "mirror.git"), size);
      await writeFile(join(staging, "summary.json"), JSON.stringify(made));
    });
  }
  const made = JSON.parse(await readFile(summary, "utf8")) as BigMirror;
  return { ...made, root, dir: join(root, "mirror.git") };
}
