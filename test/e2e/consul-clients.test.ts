import Consul from "consul";
import { execa } from "execa";
import { readFile, writeFile } from "node:fs/promises";
import { Agent, get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { poll } from "../../src/core/retry.ts";
import type { ConsulApi } from "../support/consul-api.ts";
import { describeConsul } from "../support/consul-suite.ts";
import { tempDirectory } from "../support/temp.ts";

const consulTemplate = process.env.FLOW_TEST_CONSUL_TEMPLATE;
if (consulTemplate === undefined && process.env.CI === "true") {
  throw new Error("CI needs consul-template: FLOW_TEST_CONSUL_TEMPLATE");
}

const services = 10;
const watchers = 1_000;
const rounds = 9;

/** Follows a service's instances; `seen` has the port of the latest answer. */
class Watcher {
  readonly seen = new Set<number>();
  readonly #agent: Agent;
  readonly #url: string;
  #stopped = false;

  constructor(consul: ConsulApi, service: string, agent: Agent) {
    this.#url = `http://${consul.address}/v1/health/service/${service}`;
    this.#agent = agent;
  }

  async follow(): Promise<void> {
    for (let index = "0"; !this.#stopped;) {
      const response = await new Promise<IncomingMessage>((resolve, reject) =>
        get(`${this.#url}?index=${index}&wait=60s`, { agent: this.#agent }, resolve).once("error", reject),
      ).catch((error: unknown) => {
        if (this.#stopped) return undefined;
        throw error;
      });
      if (response === undefined) return;
      let body = "";
      for await (const chunk of response) body += String(chunk);
      index = String(response.headers["x-consul-index"]);
      for (const { Service } of JSON.parse(body) as { Service: { Port: number } }[]) this.seen.add(Service.Port);
    }
  }

  stop(): void {
    this.#stopped = true;
  }
}

describeConsul("programs that use Consul", (consul) => {
  test("a thousand watches at the same time lose no update", async () => {
    const name = (at: number) => `watched-${at % services}`;
    const update = (port: number) =>
      Promise.all(
        Array.from({ length: services }, (_, at) =>
          consul.write("catalog/register", {
            Node: `node-${at}`,
            Address: "10.0.0.1",
            Service: { Service: name(at), Port: port },
          }),
        ),
      );
    await update(1);
    const agent = new Agent({ keepAlive: true, maxSockets: watchers });
    const all = Array.from({ length: watchers }, (_, at) => new Watcher(consul, name(at), agent));
    const following = Promise.all(all.map((watcher) => watcher.follow()));
    try {
      for (let port = 1; port <= rounds + 1; port++) {
        if (port > 1) await update(port);
        const blind = () => all.filter(({ seen }) => !seen.has(port)).length;
        await Promise.race([poll(() => blind() === 0, { timeoutMs: 60_000, everyMs: 5 }), following]);
        expect(blind(), `watches that missed update ${port}`).toBe(0);
      }
    } finally {
      for (const watcher of all) watcher.stop();
      agent.destroy();
      await following;
    }
  });

  test("the npm client registers, reads, locks and watches", async () => {
    const [host = "", port = ""] = consul.address.split(":");
    const client = new Consul({ host, port: Number(port) });
    await client.agent.service.register({ name: "npm", port: 99, check: { ttl: "1h" } } as never);
    await client.agent.check.pass("service:npm");
    await poll(
      async () => ((await client.health.service({ service: "npm", passing: true })) as unknown[]).length === 1,
      {
        timeoutMs: 10_000,
      },
    );
    expect(await client.catalog.service.list()).toMatchObject({ npm: [] });
    expect(await client.kv.set("npm/key", "value")).toBe(true);
    expect(await client.kv.get("npm/key")).toMatchObject({ Key: "npm/key", Value: "value", Flags: 0 });
    expect(await client.kv.keys("npm/")).toEqual(["npm/key"]);
    expect(await client.kv.get("npm/none")).toBeUndefined();
    const { ID } = await client.session.create({ name: "npm", ttl: "60s" });
    expect(await client.kv.set({ key: "npm/lock", value: "mine", acquire: ID })).toBe(true);
    expect(await client.kv.get("npm/lock")).toMatchObject({ Session: ID });
    await client.session.destroy(ID);
    expect(await client.session.list()).toEqual([]);
    expect(await client.status.leader()).toMatch(/:\d+$/);

    const watch = client.watch({ method: client.kv.get, options: { key: "npm/key" } as never });
    onTestFinished(() => watch.end());
    const values: unknown[] = [];
    const errors: unknown[] = [];
    watch.on("change", (data) => values.push((data as { Value: string }).Value));
    watch.on("error", (error) => errors.push(error));
    await poll(() => values.length === 1, { timeoutMs: 10_000 });
    await client.kv.set("npm/key", "changed");
    await poll(() => values.length === 2, { timeoutMs: 10_000 });
    expect(values).toEqual(["value", "changed"]);
    expect(errors).toEqual([]);
    await client.agent.service.deregister("npm");
    expect(await client.agent.service.list()).toEqual({});
  });

  describe.skipIf(consulTemplate === undefined)("with consul-template (FLOW_TEST_CONSUL_TEMPLATE)", () => {
    test("consul-template renders services and keys, and again when they change", async () => {
      const dir = await tempDirectory("consul-template");
      const [template, output] = [join(dir, "in.tpl"), join(dir, "out.txt")];
      await writeFile(
        template,
        [
          '{{ range service "shop" }}{{ .Name }}@{{ .Address }}:{{ .Port }}{{ range .Tags }} {{ . }}{{ end }}',
          "{{ end }}",
          '{{ key "shop/motto" }}',
          '{{ range ls "shop" }}[{{ .Key }}]{{ end }}',
          "{{ range services }}<{{ .Name }}>{{ end }}",
        ].join(""),
      );
      await consul.write("kv/shop/motto", "hello");
      const shop = { Name: "shop", Address: "10.0.0.9", Tags: ["flow.method=/common.Product/Get;enable"] };
      await consul.register({ ...shop, ID: "shop-1", Port: 80 });
      await consul.settles<unknown[]>("health/service/shop", (rows) => rows.length === 1);
      const running = execa(
        consulTemplate as string,
        ["-consul-addr", consul.address, "-template", `${template}:${output}`, "-wait", "10ms:100ms"],
        { reject: false, stdin: "ignore", all: true },
      );
      onTestFinished(async () => {
        running.kill("SIGKILL");
        await running;
      });
      const shows = async (...texts: string[]) => {
        let last = "";
        const shown = await poll(
          async () => {
            last = await readFile(output, "utf8").catch(() => "");
            return texts.every((text) => last.includes(text));
          },
          { timeoutMs: 20_000 },
        );
        expect(shown, `wanted ${texts.join(", ")}, got ${last}`).toBe(true);
      };
      await shows("shop@10.0.0.9:80 flow.method=/common.Product/Get;enable", "hello", "[motto]", "<shop>");
      await consul.register({ ...shop, ID: "shop-2", Port: 81 });
      await shows("shop@10.0.0.9:80", "shop@10.0.0.9:81");
      await consul.write("kv/shop/motto", "bonjour");
      await shows("bonjour");
      await consul.write("agent/service/deregister/shop-1");
      await poll(async () => !(await readFile(output, "utf8")).includes(":80 "), { timeoutMs: 20_000 });
      expect(await readFile(output, "utf8")).not.toContain(":80 ");
    });
  });
});
