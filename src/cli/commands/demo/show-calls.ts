import { messageOf } from "../../../core/errors.ts";
import { warn } from "../../../core/events.ts";
import { poll } from "../../../core/retry.ts";
import type { RunClient, RunPlan } from "../../../runner/index.ts";
import type { CliContext } from "../../command.ts";
import { paint } from "../../ui/event-lines.ts";

interface Demo {
  client: RunClient;
  plan: RunPlan;
  home: string;
  /** Aborted when the run ended. */
  signal: AbortSignal;
}

const order = { productId: "012345", quantity: 1 };

/** Waits for the fleet, makes a call through all of it, and says what to try next. */
export async function showCalls(ctx: CliContext, { client, plan, home, signal }: Demo): Promise<void> {
  try {
    const ready = await poll(async () => (await client.state()).run?.state === "ready", {
      timeoutMs: 120_000,
      everyMs: 100,
      signal,
    });
    if (ready === undefined || plan.edge === undefined) return;
    const url = `http://${plan.edge.address}/api/trade.Order/Create`;
    const request = () =>
      fetch(url, {
        method: "POST",
        body: JSON.stringify(order),
        headers: { "content-type": "application/json" },
        signal: AbortSignal.timeout(10_000),
      });
    // The edge learns of a new service a moment after Consul does.
    const response = await poll(
      async () => {
        const answer = await request();
        return answer.status === 404 || answer.status === 503 ? undefined : answer;
      },
      { timeoutMs: 10_000, everyMs: 100, signal },
    );
    if (response === undefined) return;
    const answer = JSON.stringify(await response.json());
    ctx.streams.stdout.write(`\n${summary({ ctx, url, answer, edge: plan.edge.address, home })}\n\n`);
  } catch (error) {
    if (!signal.aborted) warn(ctx, `the call could not be made: ${messageOf(error)}`);
  }
}

function summary({
  ctx,
  url,
  answer,
  edge,
  home,
}: {
  ctx: CliContext;
  url: string;
  answer: string;
  edge: string;
  home: string;
}): string {
  const bold = (text: string) => paint("bold", text, ctx.streams.stdoutColour);
  const dim = (text: string) => paint("dim", text, ctx.streams.stdoutColour);
  const flow = `cd ${/^[\w@%+=:,./-]+$/.test(home) ? home : `'${home.replaceAll("'", `'\\''`)}'`} && source flow.sh`;
  return [
    bold("A call went edge → order → product, and was answered:"),
    "",
    `  curl -d '${JSON.stringify(order)}' ${url}`,
    `  ${paint("green", answer, ctx.streams.stdoutColour)}`,
    "",
    bold("Try next, in another terminal:"),
    "",
    `  ${flow}`,
    `  flow ps                                                   ${dim("# what runs, and where")}`,
    `  flow call /common.Product/Search '{"text": "cup"}'        ${dim("# a call by gRPC")}`,
    `  curl -d '{"productId": "nope"}' http://${edge}/api/trade.Order/Create`,
    `  flow logs order --tail 1                                  ${dim("# one stack through both services")}`,
    "",
    "Ctrl-C here ends everything.",
  ].join("\n");
}
