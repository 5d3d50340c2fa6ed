import { FlowError } from "../../../core/errors.ts";
import type { Consul } from "../../../runtime/consul/index.ts";
import type { CliContext } from "../../command.ts";

/**
 * The Consul agent to ask: the one given, FLOW_CONSUL_ADDR, or that of the run around the working directory.
 * @throws FlowError FLOW_RUN_NONE, FLOW_CONSUL_UNREACHABLE when the run has none
 */
export async function findConsul(ctx: CliContext, given: string | undefined): Promise<Consul> {
  const { createConsul } = await import("../../../runtime/consul/index.ts");
  const token = ctx.env.FLOW_CONSUL_TOKEN || undefined;
  const datacenter = ctx.env.FLOW_DC || undefined;
  return createConsul({
    address: given ?? (ctx.env.FLOW_CONSUL_ADDR || (await addressOfRun(ctx))),
    ...(token === undefined ? {} : { token }),
    ...(datacenter === undefined ? {} : { datacenter }),
  });
}

async function addressOfRun(ctx: CliContext): Promise<string> {
  const { connectRun } = await import("../../../runner/index.ts");
  const client = await connectRun(ctx);
  if (client === undefined) {
    throw new FlowError("FLOW_RUN_NONE", "nothing runs here", {
      hint: "start it with flow run -d, or name a Consul agent with --consul or FLOW_CONSUL_ADDR",
    });
  }
  const { run } = await client.state();
  if (run?.consul == null) {
    throw new FlowError("FLOW_CONSUL_UNREACHABLE", "this run has no Consul, so services cannot be found by name", {
      hint: "start it with flow run --consul embedded (or real), or give a service of flow.yaml consul: true",
    });
  }
  return run.consul.address;
}

/** Asks Consul; what fails is told as what it means. @throws FlowError FLOW_CONSUL_UNREACHABLE */
export async function ask<T>(consul: Consul, question: (consul: Consul) => Promise<T>): Promise<T> {
  try {
    return await question(consul);
  } catch (error) {
    throw new FlowError("FLOW_CONSUL_UNREACHABLE", `the Consul agent at ${consul.address} does not answer`, {
      cause: error,
      hint: "flow ps shows whether the run and its Consul are alive",
    });
  }
}
