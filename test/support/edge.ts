import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { poll } from "../../src/core/retry.ts";
import { startEdge, type Edge, type EdgeOptions } from "../../src/edge/index.ts";
import { createConsul, type Consul } from "../../src/runtime/consul/index.ts";

export interface LogLine {
  level: string;
  message: string;
  fields: Record<string, unknown>;
}

export interface TestEdge extends Edge {
  url: string;
  log: LogLine[];
}

/** An edge in this process, closed when the test is over. */
export async function testEdge(consulAddress: string, options: Partial<EdgeOptions> = {}): Promise<TestEdge> {
  const log: LogLine[] = [];
  const edge = await startEdge(
    { signal: new AbortController().signal },
    {
      consul: createConsul({ address: consulAddress }),
      log: (level, message, fields = {}) => void log.push({ level, message, fields }),
      ...options,
    },
  );
  onTestFinished(() => edge.close(0));
  return { ...edge, url: `http://${edge.address}`, log };
}

export interface TestInstance {
  id: string;
  address: string;
  port: number;
  /** Requests that arrived. */
  requests: IncomingMessage[];
  /** Takes it out of Consul; it goes on answering. */
  deregister(): Promise<void>;
  /** Ends it and cuts its connections; Consul is not told. */
  stop(): Promise<void>;
}

export interface InstanceOptions {
  service: string;
  tags: readonly string[];
  /** What it answers; by default its id, the request's method, path and headers, and the body's length. */
  handler?: RequestListener;
  id?: string;
}

/** An HTTP server in this process, registered as an instance without a check, so it counts as passing. */
export async function testInstance(consul: Consul, options: InstanceOptions): Promise<TestInstance> {
  const requests: IncomingMessage[] = [];
  let id = "";
  const server = createServer((request, response) => {
    requests.push(request);
    if (options.handler !== undefined) return void options.handler(request, response);
    let length = 0;
    request.on("data", (chunk: Buffer) => (length += chunk.length));
    request.on("end", () => {
      const { method, url, headers } = request;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ instance: id, method, url, headers, length }));
    });
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  id = options.id ?? `${options.service}-${port}`;
  await consul.register({ id, name: options.service, address: "127.0.0.1", port, tags: options.tags });
  const stop = async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  onTestFinished(async () => {
    await consul.deregister(id).catch(() => undefined);
    await stop();
  });
  return { id, address: `127.0.0.1:${port}`, port, requests, deregister: () => consul.deregister(id), stop };
}

/** Waits until the edge has `count` passing instances of a service. */
export async function instancesKnown(edge: Edge, service: string, count: number): Promise<void> {
  const found = () => edge.routes().services.find(({ name }) => name === service)?.instances.length ?? 0;
  const reached = await poll(() => found() === count, { timeoutMs: 10_000, everyMs: 10 });
  if (reached !== true) throw new Error(`the edge knows ${found()} instances of ${service}, not ${count}`);
}
