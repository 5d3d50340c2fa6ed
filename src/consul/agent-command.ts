import { createServer } from "node:net";
import { join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { writeAtomic } from "../core/files.ts";
import { formatJson } from "../core/json.ts";
import { poll } from "../core/retry.ts";
import type { ConsulChoice } from "./choose.ts";

export interface AgentOptions {
  httpPort: number;
  /** Where the agent keeps its state and configuration. */
  dataDir: string;
  nodeName: string;
  datacenter: string;
}

export interface AgentCommand {
  argv: string[];
  env: Record<string, string>;
  /** host:port of its HTTP API */
  address: string;
}

/** How to start an agent that listens on loopback alone, so that any number of workspaces live side by side. */
export async function consulAgent(
  ctx: FlowContext,
  choice: Exclude<ConsulChoice, { kind: "external" }>,
  options: AgentOptions,
): Promise<AgentCommand> {
  const address = `127.0.0.1:${options.httpPort}`;
  if (choice.kind === "embedded") {
    const flags = [
      "agent",
      "-dev",
      `-http-port=${options.httpPort}`,
      `-data-dir=${join(options.dataDir, "embedded")}`,
      `-node=${options.nodeName}`,
      `-datacenter=${options.datacenter}`,
    ];
    return { argv: [...ctx.installation.entry("consul-agent"), ...flags], env: {}, address };
  }
  const file = join(options.dataDir, "agent.json");
  await writeAtomic(file, formatJson(await configuration(options)));
  return { argv: [choice.path, "agent", "-dev", `-config-file=${file}`], env: { CONSUL_HTTP_ADDR: address }, address };
}

/** Everything that is not needed is off; what cannot be is on a free port. */
async function configuration({ httpPort, nodeName, datacenter }: AgentOptions): Promise<object> {
  const [serfLan, serfWan, server] = (await freePorts(3)) as [number, number, number];
  return {
    node_name: nodeName,
    datacenter,
    bind_addr: "127.0.0.1",
    client_addr: "127.0.0.1",
    disable_update_check: true,
    log_level: "WARN",
    connect: { enabled: false },
    ports: { http: httpPort, https: -1, dns: -1, grpc: -1, serf_lan: serfLan, serf_wan: serfWan, server },
    // A machine full of services is one client address: the default of 200 connections is soon reached.
    limits: { http_max_conns_per_client: 8_192 },
  };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve, reject) =>
        server.once("error", reject).listen(0, "127.0.0.1", () => resolve(server)),
      );
    }),
  );
  return await Promise.all(
    servers.map((server) => {
      const { port } = server.address() as { port: number };
      return new Promise<number>((resolve) => server.close(() => resolve(port)));
    }),
  );
}

/** Waits until the agent answers and knows its leader. @throws FlowError FLOW_CONSUL_UNREACHABLE after `timeoutMs` */
export async function waitForConsul(
  ctx: FlowContext,
  address: string,
  { timeoutMs }: { timeoutMs: number },
): Promise<void> {
  const ready = await poll(
    async () => {
      const response = await fetch(`http://${address}/v1/status/leader`, { signal: AbortSignal.timeout(1_000) }).catch(
        () => undefined,
      );
      return response?.ok === true && (await response.text()).length > 2;
    },
    { timeoutMs, everyMs: 50, signal: ctx.signal },
  );
  if (ready === undefined)
    throw new FlowError("FLOW_CONSUL_UNREACHABLE", `the Consul agent at ${address} does not answer`, {
      hint: "check its address, or let flow run start one: --consul auto",
    });
}
