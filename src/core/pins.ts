import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** A version that `bin/pins.sh` of the flow at `root` records. */
export async function readPin(root: string, name: "FLOW_NODE_VERSION" | "FLOW_NPM_VERSION"): Promise<string> {
  const path = join(root, "bin", "pins.sh");
  const version = new RegExp(`^${name}=(\\S+)$`, "m").exec(await readFile(path, "utf8"))?.[1];
  if (version === undefined) throw new Error(`${path} names no ${name}`);
  return version;
}
