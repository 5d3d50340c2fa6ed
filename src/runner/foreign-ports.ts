import { join } from "node:path";
import { readJson } from "../core/json.ts";
import { connectRunAt } from "./client.ts";
import { runPaths } from "./home.ts";
import { isFree, portOwner } from "./supervisor/ports.ts";

export interface ForeignPort {
  name: string;
  port: number;
  /** PID of who listens there, where it can be told. */
  owner: number | undefined;
}

/** Sticky ports of a workspace that are in use by somebody else. While a run goes on here they are its own. */
export async function foreignPorts(home: string): Promise<ForeignPort[]> {
  if ((await connectRunAt(home)) !== undefined) return [];
  const book = ((await readJson(join(runPaths(home).run, "ports.json")).catch(() => undefined)) ?? {}) as Record<
    string,
    number
  >;
  const taken: ForeignPort[] = [];
  for (const [name, port] of Object.entries(book))
    if (!(await isFree(port))) taken.push({ name, port, owner: portOwner(port) });
  return taken;
}
