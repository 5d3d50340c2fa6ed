import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** A version that `bin/pins.sh` of the flow at `root` records. */
export async function readPin(root: string, name: "FLOW_NODE_VERSION" | "FLOW_NPM_VERSION"): Promise<string> {
  const version = await pin(root, name);
  if (version === undefined) throw new Error(`${join(root, pinsFile)} names no ${name}`);
  return version;
}

/** SRI of the registry's tarball of the pinned Node; undefined for a platform without a recorded hash. */
export async function nodeIntegrity(root: string, platform: string): Promise<string | undefined> {
  const hex = await pin(root, `FLOW_NODE_SHA512_${platform.toUpperCase().replace("-", "_")}`);
  return hex === undefined ? undefined : `sha512-${Buffer.from(hex, "hex").toString("base64")}`;
}

/** Where a flow records the versions that it runs on, below its root. */
export const pinsFile = join("bin", "pins.sh");

async function pin(root: string, name: string): Promise<string | undefined> {
  return new RegExp(`^${name}=(\\S+)$`, "m").exec(await readFile(join(root, pinsFile), "utf8"))?.[1];
}
