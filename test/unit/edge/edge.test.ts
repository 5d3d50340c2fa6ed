import { once } from "node:events";
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { poll } from "../../../src/core/retry.ts";
import { createConsul, type Consul } from "../../../src/runtime/consul/index.ts";
import { realConsul, startRealConsul, type TestConsul } from "../../support/consul.ts";
import { instancesKnown, testEdge, testInstance } from "../../support/edge.ts";

let agent: TestConsul;
let consul: Consul;

beforeAll(async () => {
  if (realConsul() === undefined) return;
  agent = await startRealConsul();
  consul = createConsul({ address: agent.address });
});
afterAll(() => agent?.stop());

const method = (name: string, flags = "enable") => `flow.method=/test.${name};${flags}`;
const json = async (response: Response) =>
  (await response.json()) as Record<string, unknown> & { headers: Record<string, string> };
const post = (url: string, body = "{}", headers: Record<string, string> = {}) =>
  fetch(url, { method: "POST", body, headers: { "content-type": "application/json", ...headers } });

describe.skipIf(realConsul() === undefined)("the edge", () => {
  it("sends an enabled method to a passing instance, and to nothing what is not enabled or unknown", async () => {
    const edge = await testEdge(agent.address);
    await testInstance(consul, { service: "basic", tags: [method("Basic/Get"), method("Basic/Hidden", "public")] });
    await instancesKnown(edge, "basic", 1);
    const answer = await post(`${edge.url}/api/test.Basic/Get?x=1`, '{"id":"1"}');
    expect(answer.status).toBe(200);
    expect(await json(answer)).toMatchObject({ method: "POST", url: "/api/test.Basic/Get?x=1", length: 10 });
    for (const path of ["/api/test.Basic/Hidden", "/api/test.Basic/Nothing", "/other"]) {
      const refused = await post(edge.url + path);
      expect(refused.status).toBe(404);
      expect(await json(refused)).toMatchObject({
        code: 5,
        details: [{ reason: "NO_ROUTE" }, { requestId: expect.any(String) }],
      });
    }
  });

  it("takes the passing instances in turn", async () => {
    const edge = await testEdge(agent.address);
    const instances = await Promise.all(
      [1, 2, 3].map(() => testInstance(consul, { service: "turns", tags: [method("Turns/Get")] })),
    );
    await instancesKnown(edge, "turns", 3);
    for (let call = 0; call < 30; call++) await (await post(`${edge.url}/api/test.Turns/Get`)).text();
    expect(instances.map(({ requests }) => requests.length)).toEqual([10, 10, 10]);
  });

  it("asks only those instances of a service that offer the method", async () => {
    const edge = await testEdge(agent.address);
    const old = await testInstance(consul, { service: "rolling", tags: [method("Rolling/Get")] });
    const fresh = await testInstance(consul, {
      service: "rolling",
      tags: [method("Rolling/Get"), method("Rolling/New")],
    });
    await instancesKnown(edge, "rolling", 2);
    for (let call = 0; call < 4; call++) expect((await post(`${edge.url}/api/test.Rolling/New`)).status).toBe(200);
    expect([old.requests.length, fresh.requests.length]).toEqual([0, 4]);
  });

  it("refuses a method that two services claim, and names them in log and routes", async () => {
    const edge = await testEdge(agent.address);
    await testInstance(consul, { service: "claim-a", tags: [method("Claimed/Get")] });
    const second = await testInstance(consul, { service: "claim-b", tags: [method("Claimed/Get")] });
    await instancesKnown(edge, "claim-b", 1);
    const refused = await post(`${edge.url}/api/test.Claimed/Get`);
    expect(refused.status).toBe(503);
    expect(await json(refused)).toMatchObject({ code: 14, details: [{ reason: "ROUTE_CONFLICT" }, {}] });
    expect(edge.routes().conflicts).toContainEqual({
      kind: "conflict",
      claim: "/test.Claimed/Get",
      services: ["claim-a", "claim-b"],
    });
    expect(edge.log).toContainEqual({
      level: "error",
      message: expect.stringContaining("conflicting"),
      fields: { claim: "/test.Claimed/Get", services: "claim-a,claim-b" },
    });
    await second.deregister();
    const healed = await poll(async () => (await post(`${edge.url}/api/test.Claimed/Get`)).status === 200, {
      timeoutMs: 5_000,
    });
    expect(healed).toBe(true);
  });

  it("answers 503 at once when a service has no passing instance", async () => {
    const edge = await testEdge(agent.address);
    await consul.register({
      id: "sick-1",
      name: "sick",
      address: "127.0.0.1",
      port: 9,
      tags: [method("Sick/Get")],
      check: { ttl: "60s" },
    });
    await poll(() => edge.routes().methods.some(({ service }) => service === "sick"), { timeoutMs: 5_000 });
    const start = performance.now();
    const refused = await post(`${edge.url}/api/test.Sick/Get`);
    expect(performance.now() - start).toBeLessThan(200);
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await json(refused)).toMatchObject({ code: 14, details: [{ reason: "NO_INSTANCE" }, {}] });
    await consul.deregister("sick-1");
  });

  it("goes to the next instance when one accepts no connection, whatever the request is", async () => {
    const edge = await testEdge(agent.address);
    const tags = [method("Down/Create")];
    const dead = await testInstance(consul, { service: "down", tags });
    await testInstance(consul, { service: "down", tags });
    await instancesKnown(edge, "down", 2);
    await dead.stop();
    for (let call = 0; call < 6; call++) expect((await post(`${edge.url}/api/test.Down/Create`)).status).toBe(200);
  });

  it("repeats an idempotent request that broke off, and no other", async () => {
    const edge = await testEdge(agent.address);
    const tags = [method("Broken/Get", "enable;idempotent"), method("Broken/Create")];
    const breaks = await testInstance(consul, {
      service: "broken",
      tags,
      handler: (request) => request.socket.destroy(),
    });
    const works = await testInstance(consul, { service: "broken", tags });
    await instancesKnown(edge, "broken", 2);
    const calls = async (path: string, init: RequestInit) => {
      const statuses = [];
      for (let call = 0; call < 2; call++)
        statuses.push((await fetch(`${edge.url}/api/test.Broken/${path}`, init)).status);
      return statuses.sort();
    };
    expect(await calls("Get", { method: "POST", body: "{}" })).toEqual([200, 200]);
    expect(await calls("Create", { method: "GET" })).toEqual([200, 200]);
    expect(await calls("Create", { method: "POST", body: "{}", headers: { "idempotency-key": "k1" } })).toEqual([
      200, 200,
    ]);
    const before = breaks.requests.length + works.requests.length;
    const waited = await poll(async () => (await calls("Create", { method: "POST", body: "{}" })).includes(502), {
      timeoutMs: 10_000,
    });
    expect(waited).toBe(true);
    expect(breaks.requests.length + works.requests.length).toBeGreaterThan(before);
  });

  it("passes the client's deadline on and keeps it", async () => {
    const edge = await testEdge(agent.address);
    const silent: string[] = [];
    await testInstance(consul, {
      service: "late",
      tags: [method("Late/Get")],
      handler: (request) => void silent.push(String(request.headers["grpc-timeout"])),
    });
    await instancesKnown(edge, "late", 1);
    const start = performance.now();
    const expired = await post(`${edge.url}/api/test.Late/Get`, "{}", { "x-request-timeout": "300ms" });
    expect(performance.now() - start).toBeGreaterThan(250);
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(expired.status).toBe(504);
    expect(await json(expired)).toMatchObject({ code: 4 });
    expect(silent[0]).toMatch(/^(2\d\d|300)m$/);
  });

  it("tells the instance when the client goes away", async () => {
    const edge = await testEdge(agent.address);
    const closed = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    await testInstance(consul, {
      service: "cancel",
      tags: [method("Cancel/Get")],
      handler: (_request, response) => {
        response.on("close", () => closed.resolve());
        arrived.resolve();
      },
    });
    await instancesKnown(edge, "cancel", 1);
    const abort = new AbortController();
    const call = fetch(`${edge.url}/api/test.Cancel/Get`, { signal: abort.signal });
    await arrived.promise;
    abort.abort();
    await expect(call).rejects.toThrow();
    await closed.promise;
  });

  it("cleans headers: hop-by-hop, internal ones, forwarding and trace context", async () => {
    const edge = await testEdge(agent.address);
    await testInstance(consul, { service: "hygiene", tags: [method("Hygiene/Get")] });
    await instancesKnown(edge, "hygiene", 1);
    const url = new URL(`${edge.url}/api/test.Hygiene/Get`);
    const sent = {
      connection: "close, x-secret-hop",
      "x-secret-hop": "1",
      "proxy-authorization": "Basic eA==",
      te: "trailers",
      "flow-hops": "99",
      "flow-fields": "admin=1",
      "grpc-status": "0",
      baggage: "a=b",
      "x-forwarded-for": "6.6.6.6",
      forwarded: "for=6.6.6.6",
      traceparent: "broken",
      tracestate: "x=1",
      "x-request-id": "bad id\u00ff",
      authorization: "Bearer t",
      "x-mine": "kept",
    };
    const client = httpRequest(url, { headers: sent }).end();
    const [response] = (await once(client, "response")) as [IncomingMessage];
    const { headers } = JSON.parse(await text(response)) as { headers: Record<string, string> };
    for (const name of [
      "x-secret-hop",
      "proxy-authorization",
      "te",
      "flow-hops",
      "flow-fields",
      "grpc-status",
      "baggage",
      "forwarded",
      "tracestate",
    ]) {
      expect(headers, name).not.toHaveProperty(name);
    }
    expect(headers).toMatchObject({
      authorization: "Bearer t",
      "x-mine": "kept",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": url.host,
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
      "x-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(response.headers["x-request-id"]).toBe(headers["x-request-id"]);
  });

  it("keeps a good traceparent and request id, and believes a proxy of ours when told to", async () => {
    const edge = await testEdge(agent.address, { trustProxy: true });
    await testInstance(consul, { service: "trusted", tags: [method("Trusted/Get")] });
    await instancesKnown(edge, "trusted", 1);
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    const forwarded = { "x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "https", "x-forwarded-host": "shop.test" };
    const answer = await json(
      await fetch(`${edge.url}/api/test.Trusted/Get`, {
        headers: { traceparent, tracestate: "x=1", "x-request-id": "r-1", ...forwarded },
      }),
    );
    expect(answer.headers).toMatchObject({
      ...forwarded,
      traceparent,
      tracestate: "x=1",
      "x-request-id": "r-1",
      "x-forwarded-for": "6.6.6.6, 127.0.0.1",
    });
  });

  it("strips an error of stacks and unsafe text, except for a developer on this machine", async () => {
    const [outer, inner] = [await testEdge(agent.address), await testEdge(agent.address, { debug: true })];
    const status = {
      code: 13,
      message: "duplicate key in users",
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason: "X",
          domain: "flow",
          metadata: { "flow.id": "e1d", id: "7" },
        },
        { "@type": "type.googleapis.com/google.rpc.DebugInfo", stackEntries: ["product Get get (product.ts:95)"] },
      ],
    };
    await testInstance(consul, {
      service: "fails",
      tags: [method("Fails/Get"), method("Fails/Stream")],
      handler: (request, response) => {
        if (request.url?.endsWith("Stream") === true) {
          response.setHeader("content-type", "application/x-ndjson");
          response.end(`{"result":{}}\n${JSON.stringify({ error: status })}\n`);
        } else response.writeHead(500, { "content-type": "application/json" }).end(JSON.stringify(status));
      },
    });
    await Promise.all([outer, inner].map((edge) => instancesKnown(edge, "fails", 1)));
    for (const path of ["Get", "Stream"]) {
      const outside = await (await post(`${outer.url}/api/test.Fails/${path}`)).text();
      expect(outside).toContain("e1d");
      expect(outside).not.toMatch(/users|product\.ts|"id":"7"/);
      expect(await (await post(`${inner.url}/api/test.Fails/${path}`)).text()).toContain("product.ts:95");
      const proxied = await post(`${inner.url}/api/test.Fails/${path}`, "{}", { "x-forwarded-for": "1.2.3.4" });
      expect(await proxied.text()).not.toContain("product.ts");
    }
  });

  it("lets bodies flow both ways at once", async () => {
    const edge = await testEdge(agent.address);
    await testInstance(consul, {
      service: "echo",
      tags: [method("Echo/Talk")],
      handler: (request, response) => {
        response.writeHead(200, { "content-type": "application/x-ndjson" });
        response.flushHeaders();
        request.on("data", (chunk) => response.write(chunk));
        request.on("end", () => response.end());
      },
    });
    await instancesKnown(edge, "echo", 1);
    const client = httpRequest(`${edge.url}/api/test.Echo/Talk`, {
      method: "POST",
      headers: { "transfer-encoding": "chunked" },
    });
    client.flushHeaders();
    const [response] = (await once(client, "response")) as [IncomingMessage];
    for (const word of ["one", "two", "three"]) {
      client.write(`{"word":"${word}"}\n`);
      const [line] = (await once(response, "data")) as [Buffer];
      expect(String(line)).toBe(`{"word":"${word}"}\n`);
    }
    client.end();
    await once(response, "end");
  });

  it("slows a fast sender down to a slow instance, holding little itself", async () => {
    const edge = await testEdge(agent.address);
    const paused = Promise.withResolvers<{ request: IncomingMessage; response: ServerResponse }>();
    await testInstance(consul, {
      service: "slow",
      tags: [method("Slow/Put", "enable;upload")],
      handler: (request, response) => {
        request.pause();
        paused.resolve({ request, response });
      },
    });
    await instancesKnown(edge, "slow", 1);
    const client = httpRequest(`${edge.url}/api/test.Slow/Put`, {
      method: "POST",
      headers: { "transfer-encoding": "chunked" },
    });
    client.on("error", () => undefined);
    const chunk = Buffer.alloc(1024 * 1024);
    let sent = 0;
    let blocked = false;
    while (!blocked && sent < 200) {
      sent++;
      if (!client.write(chunk)) {
        const drained = await Promise.race([once(client, "drain").then(() => true), quiet(300)]);
        blocked = drained !== true;
      }
    }
    // Kernel buffers take some megabytes on each of the two connections.
    expect(sent).toBeLessThan(64);
    const { request, response } = await paused.promise;
    let received = 0;
    request.on("data", (data: Buffer) => (received += data.length));
    request.on("end", () => response.end());
    request.resume();
    client.end();
    const [answer] = (await once(client, "response")) as [IncomingMessage];
    answer.resume();
    expect(received).toBe(sent * chunk.length);
  });

  it("refuses a body over the limit: announced or not, and the answer arrives", async () => {
    const edge = await testEdge(agent.address, { limits: { bodyBytes: 1_000_000 } });
    const instance = await testInstance(consul, { service: "large", tags: [method("Large/Put")] });
    await instancesKnown(edge, "large", 1);
    const announced = await post(`${edge.url}/api/test.Large/Put`, "x".repeat(1_000_001));
    expect(announced.status).toBe(413);
    expect(await json(announced)).toMatchObject({ code: 8, details: [{ reason: "BODY_TOO_LARGE" }, {}] });
    expect(instance.requests.length).toBe(0);
    const client = httpRequest(`${edge.url}/api/test.Large/Put`, {
      method: "POST",
      headers: { "transfer-encoding": "chunked" },
    });
    client.on("error", () => undefined);
    const response = once(client, "response") as Promise<[IncomingMessage]>;
    for (let part = 0; part < 12; part++) client.write(Buffer.alloc(100_000));
    const [answer] = await response;
    expect(answer.statusCode).toBe(413);
    answer.resume();
    client.destroy();
  });

  it("asks for a body only when there is somebody to take it", async () => {
    const edge = await testEdge(agent.address);
    await testInstance(consul, { service: "expect", tags: [method("Expect/Put")] });
    await instancesKnown(edge, "expect", 1);
    const ask = async (path: string) => {
      const client = httpRequest(edge.url + path, {
        method: "POST",
        headers: { expect: "100-continue", "content-length": 3 },
      });
      let continued = false;
      client.on("continue", () => {
        continued = true;
        client.end("abc");
      });
      client.on("error", () => undefined);
      client.flushHeaders();
      const [response] = (await once(client, "response")) as [IncomingMessage];
      response.resume();
      client.destroy();
      return { continued, status: response.statusCode };
    };
    expect(await ask("/api/test.Expect/Put")).toEqual({ continued: true, status: 200 });
    expect(await ask("/api/test.Expect/Nothing")).toEqual({ continued: false, status: 404 });
  });

  it("cuts off clients that send half a head, half a body, or do not read", async () => {
    const edge = await testEdge(agent.address, { limits: { headMs: 300, clientIdleMs: 300 } });
    await testInstance(consul, {
      service: "stall",
      tags: [method("Stall/Put"), method("Stall/Flood")],
      handler: (request, response) => {
        request.resume();
        if (request.url?.endsWith("Flood") !== true) return;
        const flood = () => {
          while (response.write(Buffer.alloc(65_536)));
        };
        response.on("drain", flood);
        flood();
      },
    });
    await instancesKnown(edge, "stall", 1);
    const port = Number(edge.address.split(":")[1]);
    const stalled = async (bytes: string) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.resume().write(bytes);
      const start = performance.now();
      await once(socket, "close");
      return performance.now() - start;
    };
    const head = "POST /api/test.Stall/Put HTTP/1.1\r\nhost: x\r\n";
    const times = await Promise.all([stalled(head), stalled(`${head}content-length: 10\r\n\r\nabc`)]);
    for (const ms of times) expect(ms).toBeLessThan(4_000);
    await flooded(port);
    expect(edge.log.filter(({ message }) => message === "client stalled").length).toBeGreaterThanOrEqual(2);
  });

  it("lets a client wait that only waits", async () => {
    const edge = await testEdge(agent.address, { limits: { clientIdleMs: 100 } });
    const answerNow = Promise.withResolvers<void>();
    await testInstance(consul, {
      service: "patient",
      tags: [method("Patient/Get")],
      handler: (_request, response) => void answerNow.promise.then(() => response.end("{}")),
    });
    await instancesKnown(edge, "patient", 1);
    const call = post(`${edge.url}/api/test.Patient/Get`);
    const early = await Promise.race([call.then(() => "answered"), quiet(600)]);
    expect(early).toBe("quiet");
    answerNow.resolve();
    expect((await call).status).toBe(200);
  });

  it("gives a plain program the path it claims, as it is or without its prefix", async () => {
    const edge = await testEdge(agent.address);
    await testInstance(consul, { service: "plain", tags: ["flow.http=/plain"] });
    await testInstance(consul, { service: "stripped", tags: ["flow.http=/stripped;strip"] });
    await instancesKnown(edge, "stripped", 1);
    await instancesKnown(edge, "plain", 1);
    expect(await json(await fetch(`${edge.url}/plain/a%20b?x=1`, { method: "DELETE" }))).toMatchObject({
      method: "DELETE",
      url: "/plain/a%20b?x=1",
    });
    const stripped = await json(await fetch(`${edge.url}/stripped?x=1`));
    expect(stripped).toMatchObject({ url: "/?x=1", headers: { "x-forwarded-prefix": "/stripped" } });
    const outside = await rawRequest(
      edge.address,
      "GET /plain/../stripped HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    expect(outside).toMatch(/^HTTP\/1.1 400 /);
  });

  it("shows its routes to this machine only, and its health to everybody", async () => {
    const edge = await testEdge(agent.address);
    const instance = await testInstance(consul, { service: "shown", tags: [method("Shown/Get", "enable;public")] });
    await instancesKnown(edge, "shown", 1);
    const routes = await json(await fetch(`${edge.url}/-/routes`));
    expect(routes).toMatchObject({
      consul: "answering",
      methods: expect.arrayContaining([
        expect.objectContaining({
          method: "/test.Shown/Get",
          path: "/api/test.Shown/Get",
          public: true,
          instances: [instance.id],
        }),
      ]),
    });
    expect((await fetch(`${edge.url}/-/routes`, { headers: { "x-forwarded-for": "1.2.3.4" } })).status).toBe(404);
    expect(await json(await fetch(`${edge.url}/-/healthz`))).toEqual({ status: "serving" });
  });

  it("lets calls in flight end when it closes, and takes no new ones", async () => {
    const edge = await testEdge(agent.address);
    const answerNow = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    await testInstance(consul, {
      service: "drain",
      tags: [method("Drain/Get")],
      handler: (_request, response) => {
        arrived.resolve();
        void answerNow.promise.then(() => response.end("{}"));
      },
    });
    await instancesKnown(edge, "drain", 1);
    const call = post(`${edge.url}/api/test.Drain/Get`);
    await arrived.promise;
    const closing = edge.close(5_000);
    await turn();
    await expect(fetch(`${edge.url}/-/healthz`)).rejects.toThrow();
    answerNow.resolve();
    const answer = await call;
    expect(answer.status).toBe(200);
    expect(answer.headers.get("connection")).toBe("close");
    await closing;
  });

  it("cuts off what does not end within the drain time", async () => {
    const edge = await testEdge(agent.address);
    const arrived = Promise.withResolvers<void>();
    await testInstance(consul, { service: "hang", tags: [method("Hang/Get")], handler: () => arrived.resolve() });
    await instancesKnown(edge, "hang", 1);
    const call = fetch(`${edge.url}/api/test.Hang/Get`);
    call.catch(() => undefined);
    await arrived.promise;
    const start = performance.now();
    await edge.close(200);
    expect(performance.now() - start).toBeLessThan(1_000);
    await expect(call).rejects.toThrow();
  });

  it("goes on while Consul is down, and when it comes back having forgotten everything", async () => {
    const own = await startRealConsul();
    const ownConsul = createConsul({ address: own.address });
    const edge = await testEdge(own.address);
    const instance = await testInstance(ownConsul, { service: "wiped", tags: [method("Wiped/Get")] });
    await instancesKnown(edge, "wiped", 1);
    const call = async () => (await post(`${edge.url}/api/test.Wiped/Get`)).status;
    await own.stop();
    await poll(() => edge.routes().consul === "failing", { timeoutMs: 5_000 });
    expect(await call()).toBe(200);
    const again = await startRealConsul({ httpPort: Number(own.address.split(":")[1]) });
    try {
      const noticed = await poll(() => edge.log.some(({ message }) => message.startsWith("Consul knows no service")), {
        timeoutMs: 15_000,
      });
      expect(noticed).toBe(true);
      expect(await call()).toBe(200);
      await ownConsul.register({
        id: instance.id,
        name: "wiped",
        address: "127.0.0.1",
        port: instance.port,
        tags: [method("Wiped/Get")],
      });
      expect(await call()).toBe(200);
    } finally {
      await edge.close(0);
      await again.stop();
    }
  });

  it("answers 503, not 404, before it knows any routes", async () => {
    const edge = await testEdge("127.0.0.1:9");
    const refused = await post(`${edge.url}/api/test.Any/Get`);
    expect(refused.status).toBe(503);
    expect(await json(refused)).toMatchObject({ details: [{ reason: "NO_ROUTES_YET" }, {}] });
    expect((await fetch(`${edge.url}/-/healthz`)).status).toBe(503);
  });
});

/** Loses a race against anything that happens within `ms`. */
async function quiet(ms: number): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return "quiet";
}

/** Asks for an endless answer, never reads it, and resolves when the connection is gone. */
async function flooded(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write("POST /api/test.Stall/Flood HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n");
  // Writing is how a client that does not read learns that the connection is gone.
  const beat = setInterval(() => socket.write("\r\n"), 50);
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
  clearInterval(beat);
}

async function rawRequest(address: string, bytes: string): Promise<string> {
  const socket = connect(Number(address.split(":")[1]), "127.0.0.1");
  socket.end(bytes);
  return await text(socket);
}
