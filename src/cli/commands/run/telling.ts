import { info } from "../../../core/events.ts";
import type { RunClient } from "../../../runner/index.ts";
import type { CliContext } from "../../command.ts";

/** Passes on what the supervisor has to say while `work` waits for it, such as what blocks a stop. */
export async function telling<T>(ctx: CliContext, client: RunClient, work: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  void tell(ctx, client.events({ signal: over.signal }));
  try {
    return await work();
  } finally {
    over.abort();
  }
}

async function tell(ctx: CliContext, events: ReturnType<RunClient["events"]>): Promise<void> {
  try {
    for await (const event of events) if (event.type === "notice") info(ctx, event.text);
  } catch {
    // What is waited for fails too, or the run is over.
  }
}
