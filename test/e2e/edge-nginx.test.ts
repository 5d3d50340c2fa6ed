import { spawn, spawnSync } from "node:child_process";
import { cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import getPort from "get-port";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { poll } from "../../src/core/retry.ts";
import { createConsul, type Consul } from "../../src/runtime/consul/index.ts";
import { realConsul, startRealConsul, type TestConsul } from "../support/consul.ts";
import { checkoutRoot } from "../support/context.ts";
import { testInstance } from "../support/edge.ts";
import { tempDirectory } from "../support/temp.ts";

const consulTemplate = process.env.FLOW_TEST_CONSUL_TEMPLATE ?? "consul-template";
const missing = [
  ...(realConsul() === undefined ? ["consul"] : []),
  ...[["nginx", "-v"] as const, [consulTemplate, "-v"] as const]
    .filter(([name, flag]) => spawnSync(name, [flag], { stdio: "ignore" }).status !== 0)
    .map(([name]) => name),
];
const skipped = missing.length > 0;
const title = skipped ? `nginx + consul-template (skipped: no ${missing.join(", ")})` : "nginx + consul-template";

let agent: TestConsul;
let consul: Consul;

beforeAll(async () => {
  if (skipped) return;
  agent = await startRealConsul();
  consul = createConsul({ address: agent.address });
});
afterAll(() => agent?.stop());

interface Nginx {
  url: string;
  /** The rendered configuration as it is now. */
  configuration(): Promise<string>;
}

/** Runs consul-template with nginx as its child, as templates/nginx/README.md says. */
async function startNginx(): Promise<Nginx> {
  const dir = await tempDirectory("flow-nginx");
  await cp(join(checkoutRoot, "templates/nginx"), dir, { recursive: true });
  await mkdir(join(dir, "temp"));
  const port = await getPort();
  const child = spawn(consulTemplate, ["-config", "consul-template.hcl", "-log-level", "err"], {
    cwd: dir,
    env: {
      PATH: process.env.PATH,
      CONSUL_HTTP_ADDR: agent.address,
      FLOW_NGINX_LISTEN: `127.0.0.1:${port}`,
      FLOW_NGINX_ACCESS_LOG: join(dir, "access.log"),
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += String(chunk)));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  const url = `http://127.0.0.1:${port}`;
  const up = await poll(async () => (await fetch(`${url}/-/healthz`).catch(() => undefined))?.ok, {
    timeoutMs: 15_000,
  });
  if (up !== true) throw new Error(`nginx did not start: ${errors}`);
  return { url, configuration: () => readFile(join(dir, "nginx.conf"), "utf8") };
}

const get = (service: string, flags = "enable") => `flow.method=/ngx.${service}/Get;${flags}`;
async function post(url: string, init: RequestInit = {}): Promise<Response> {
  const call = () =>
    fetch(url, { method: "POST", body: "{}", headers: { "content-type": "application/json" }, ...init });
  // A reload closes idle connections, perhaps the one that was just taken up again.
  return await call().catch(call);
}

/** Waits until nginx answers so, since a change takes consul-template and a reload. */
async function expectStatus(status: number, call: () => Promise<Response>): Promise<Response> {
  let last: Response | undefined;
  const reached = await poll(
    async () => {
      await last?.body?.cancel();
      last = await call();
      return last.status === status;
    },
    { timeoutMs: 10_000, everyMs: 50 },
  );
  expect(reached === true ? status : last?.status).toBe(status);
  return last as Response;
}

describe.skipIf(skipped)(title, () => {
  it("routes enabled methods to all passing instances, and follows them as they come and go", async () => {
    const first = await testInstance(consul, {
      service: "ngx-a",
      tags: [get("A"), "flow.method=/ngx.A/Hidden;public"],
    });
    const { url } = await startNginx();
    const answer = await expectStatus(200, () => post(`${url}/api/ngx.A/Get?x=1`));
    expect(await answer.json()).toMatchObject({ instance: first.id, method: "POST", url: "/api/ngx.A/Get?x=1" });
    for (const path of ["/api/ngx.A/Hidden", "/api/ngx.A/Nothing", "/"]) {
      const refused = await post(url + path);
      expect(refused.status).toBe(404);
      expect(refused.headers.get("content-type")).toBe("application/json");
      expect(await refused.json()).toMatchObject({ code: 5 });
    }
    const second = await testInstance(consul, { service: "ngx-a", tags: [get("A")] });
    const both = await poll(
      async () => {
        await (await post(`${url}/api/ngx.A/Get`)).body?.cancel();
        return second.requests.length > 0;
      },
      { timeoutMs: 10_000 },
    );
    expect(both).toBe(true);
    await Promise.all([first.deregister(), second.deregister()]);
    const gone = await expectStatus(404, () => post(`${url}/api/ngx.A/Get`));
    expect(await gone.json()).toMatchObject({ code: 5 });
  });

  it("answers 503 while no instance passes, and again when one does", async () => {
    const { url } = await startNginx();
    const instance = await testInstance(consul, { service: "ngx-sick", tags: [get("Sick")] });
    await expectStatus(200, () => post(`${url}/api/ngx.Sick/Get`));
    const registration = {
      id: instance.id,
      name: "ngx-sick",
      address: "127.0.0.1",
      port: instance.port,
      tags: [get("Sick")],
    };
    await consul.register({ ...registration, check: { ttl: "60s", status: "critical" } });
    const refused = await expectStatus(503, () => post(`${url}/api/ngx.Sick/Get`));
    expect(await refused.json()).toMatchObject({ code: 14 });
    await fetch(`http://${agent.address}/v1/agent/check/pass/service:${instance.id}`, { method: "PUT" });
    await expectStatus(200, () => post(`${url}/api/ngx.Sick/Get`));
  });

  it("refuses what two services claim, names it, and goes on for the others", async () => {
    const { url, configuration } = await startNginx();
    const one = await testInstance(consul, { service: "ngx-one", tags: [get("Claimed"), get("Own")] });
    await expectStatus(200, () => post(`${url}/api/ngx.Claimed/Get`));
    const two = await testInstance(consul, { service: "ngx-two", tags: [get("Claimed")] });
    await expectStatus(503, () => post(`${url}/api/ngx.Claimed/Get`));
    expect(await configuration()).toContain("# REFUSED: /api/ngx.Claimed/Get is claimed by ngx-one and ngx-two");
    expect((await post(`${url}/api/ngx.Own/Get`)).status).toBe(200);
    await two.deregister();
    await expectStatus(200, () => post(`${url}/api/ngx.Claimed/Get`));
    expect(one.requests.length).toBeGreaterThan(0);
  });

  it("survives tags that make no sense or try to reach into the configuration", async () => {
    const { url } = await startNginx();
    const tags = [
      get("Good"),
      "flow.method=/ngx.Bad/Get { return 200; };enable",
      "flow.http=/x;strip\n}",
      "flow.http=/api/steal",
      "flow.http=/-/healthz",
      "flow.http=/a/../b",
    ];
    await testInstance(consul, { service: "ngx-odd", tags });
    await expectStatus(200, () => post(`${url}/api/ngx.Good/Get`));
    expect((await post(`${url}/api/steal`)).status).toBe(404);
    expect((await fetch(`${url}/-/healthz`)).status).toBe(200);
  });

  it("gives plain programs the path they claim", async () => {
    const { url } = await startNginx();
    await testInstance(consul, { service: "ngx-plain", tags: ["flow.http=/plain"] });
    await testInstance(consul, { service: "ngx-strip", tags: ["flow.http=/strip;strip"] });
    await testInstance(consul, { service: "ngx-root", tags: ["flow.http=/"] });
    const seen = async (path: string) => (await (await fetch(url + path)).json()) as { url: string; instance: string };
    await expectStatus(200, () => fetch(`${url}/strip/x`));
    await expectStatus(200, () => fetch(`${url}/plain`));
    expect((await seen("/plain/a?b=1")).url).toBe("/plain/a?b=1");
    expect((await seen("/strip/a?b=1")).url).toBe("/a?b=1");
    expect((await seen("/strip?b=1")).url).toBe("/?b=1");
    expect((await seen("/plainer")).instance).toMatch(/^ngx-root/);
  });

  it("passes trace and request id, makes them where they are missing, and keeps clients from setting ours", async () => {
    const { url } = await startNginx();
    await testInstance(consul, { service: "ngx-head", tags: [get("Head")] });
    await expectStatus(200, () => post(`${url}/api/ngx.Head/Get`));
    const made = (await (await post(`${url}/api/ngx.Head/Get`)).json()) as { headers: Record<string, string> };
    expect(made.headers).toMatchObject({
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
      "x-request-id": expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    const sent = { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-00`, "x-request-id": "r-1" };
    const answer = await post(`${url}/api/ngx.Head/Get`, {
      headers: { ...sent, "flow-hops": "99", "flow-fields": "a=1", baggage: "a=b", "x-forwarded-for": "6.6.6.6" },
    });
    const { headers } = (await answer.json()) as { headers: Record<string, string> };
    expect(headers).toMatchObject({ ...sent, "x-forwarded-for": "127.0.0.1" });
    for (const name of ["flow-hops", "flow-fields", "baggage"]) expect(headers).not.toHaveProperty(name);
    expect(answer.headers.get("x-request-id")).toBe("r-1");
  });

  it("passes over an instance that refuses connections, before Consul knows", async () => {
    const { url } = await startNginx();
    const [dead, alive] = await Promise.all(
      [1, 2].map(() => testInstance(consul, { service: "ngx-down", tags: [get("Down")] })),
    );
    await poll(
      async () => {
        await (await post(`${url}/api/ngx.Down/Get`)).body?.cancel();
        return dead!.requests.length > 0 && alive!.requests.length > 0;
      },
      { timeoutMs: 10_000 },
    );
    await dead!.stop();
    for (let call = 0; call < 10; call++) expect((await post(`${url}/api/ngx.Down/Get`)).status).toBe(200);
  });

  it("takes large uploads where they are meant, streams answers as they come", async () => {
    const { url } = await startNginx();
    await testInstance(consul, {
      service: "ngx-up",
      tags: [get("Up", "enable;upload"), "flow.method=/ngx.Small/Get;enable"],
    });
    await testInstance(consul, {
      service: "ngx-stream",
      tags: [get("Stream")],
      handler: (_request, response) => {
        response.writeHead(200, { "content-type": "application/x-ndjson" });
        response.write("{}\n");
      },
    });
    await expectStatus(200, () => post(`${url}/api/ngx.Up/Get`));
    const body = Buffer.alloc(20 * 1024 * 1024);
    const large = await post(`${url}/api/ngx.Up/Get`, { body });
    expect(await large.json()).toMatchObject({ length: body.length });
    expect((await post(`${url}/api/ngx.Small/Get`, { body }).catch(() => ({ status: 413 }))).status).toBe(413);
    const streaming = await expectStatus(200, () => post(`${url}/api/ngx.Stream/Get`));
    const { value } = await streaming.body!.getReader().read();
    expect(Buffer.from(value as Uint8Array).toString()).toBe("{}\n");
  });
});
