import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FlowInstallation } from "../core/installation.ts";

/** A version that `bin/pins.sh` records. */
export async function readPin(
  installation: FlowInstallation,
  name: "FLOW_NODE_VERSION" | "FLOW_NPM_VERSION",
): Promise<string> {
  const path = join(installation.root, "bin", "pins.sh");
  const version = new RegExp(`^${name}=(\\S+)$`, "m").exec(await readFile(path, "utf8"))?.[1];
  if (version === undefined) throw new Error(`${path} names no ${name}`);
  return version;
}
