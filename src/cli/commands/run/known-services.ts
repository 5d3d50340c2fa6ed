import { FlowError } from "../../../core/errors.ts";
import { nearest } from "../../../core/suggest.ts";
import type { RunClient } from "../../../runner/index.ts";

/** The names, when the run has services of all of them. @throws FlowError FLOW_RUN_NO_SERVICE */
export async function knownServices(client: RunClient, names: readonly string[]): Promise<string[]> {
  const known = (await client.state()).services.map(({ name }) => name);
  for (const name of names) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    throw new FlowError("FLOW_RUN_NO_SERVICE", `the run has no service "${name}"`, {
      hint: near === undefined ? `it has: ${known.join(", ")}` : `did you mean "${near}"?`,
    });
  }
  return [...names];
}
