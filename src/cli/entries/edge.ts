/**
 * The edge as a process of its own. Environment:
 * FLOW_HOST (default 127.0.0.1), FLOW_PORT (default 0: a free one), FLOW_CONSUL_ADDR (host:port or URL, required),
 * FLOW_CONSUL_TOKEN, FLOW_DC, FLOW_DRAIN_MS (default 4,000), FLOW_LOG_LEVEL (debug shows every request),
 * FLOW_LOG_FORMAT (text | json, default text), FLOW_EDGE_DEBUG=1 (clients on this machine see stacks of errors),
 * FLOW_EDGE_TRUST_PROXY=1 (X-Forwarded-* of the peer are believed).
 *
 * Once the first routes are known it prints `{"ready":true,"address":"HOST:PORT"}` on stdout; its log is on stderr.
 * SIGTERM and SIGINT drain it; a second signal ends it at once.
 */
import { exitCodes } from "../../core/error-codes.ts";
import { isFlowError, messageOf } from "../../core/errors.ts";
import { createLineLog, startEdge } from "../../edge/index.ts";
import { createConsul } from "../../runtime/consul/index.ts";
import { interruptSignals } from "../exit.ts";

const { env } = process;
const log = createLineLog({
  write: (line) => void process.stderr.write(line),
  level: env.FLOW_LOG_LEVEL || "info",
  format: env.FLOW_LOG_FORMAT === "json" ? "json" : "text",
  now: () => new Date(),
});

process.exitCode = await main();

async function main(): Promise<number> {
  const { signal, dispose } = interruptSignals();
  // Whoever read the log may be gone; the edge goes on.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  if (!env.FLOW_CONSUL_ADDR) {
    log("error", "FLOW_CONSUL_ADDR is not set", { hint: "give the address of a Consul agent, e.g. 127.0.0.1:8500" });
    return exitCodes.configuration;
  }
  try {
    const edge = await startEdge(
      { signal: new AbortController().signal },
      {
        consul: createConsul({
          address: env.FLOW_CONSUL_ADDR,
          ...(env.FLOW_CONSUL_TOKEN ? { token: env.FLOW_CONSUL_TOKEN } : {}),
          ...(env.FLOW_DC ? { datacenter: env.FLOW_DC } : {}),
        }),
        host: env.FLOW_HOST || "127.0.0.1",
        port: Number(env.FLOW_PORT || 0),
        trustProxy: env.FLOW_EDGE_TRUST_PROXY === "1",
        debug: env.FLOW_EDGE_DEBUG === "1",
        log,
      },
    );
    const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    log("info", "edge listens", { address: edge.address, consul: env.FLOW_CONSUL_ADDR });
    await Promise.race([edge.ready, stopped]);
    if (!signal.aborted) process.stdout.write(`${JSON.stringify({ ready: true, address: edge.address })}\n`);
    await stopped;
    log("info", "edge drains");
    await edge.close(Number(env.FLOW_DRAIN_MS || 4_000));
    log("info", "edge ended");
    return exitCodes.ok;
  } catch (error) {
    log("error", messageOf(error), isFlowError(error) ? { code: error.code, hint: error.hint } : {});
    return isFlowError(error) ? error.exitCode : exitCodes.failure;
  } finally {
    dispose();
  }
}
