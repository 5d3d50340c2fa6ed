import { execa } from "execa";
import getPort from "get-port";
import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { poll } from "../../src/core/retry.ts";
import { ConsulApi } from "../support/consul-api.ts";
import { consulAnswers, consulCommand, realConsul, type ConsulKind } from "../support/consul.ts";
import { tempDirectory } from "../support/temp.ts";

/** Starts an agent with these arguments, and waits until it answers at `port`. */
async function start(kind: ConsulKind, port: number, args: readonly string[]) {
  const [program, ...first] = consulCommand(kind);
  const child = execa(program, [...first, "agent", ...args], { reject: false, all: true, stdin: "ignore" });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await child;
  });
  const api = new ConsulApi();
  api.address = `127.0.0.1:${port}`;
  const ready = await Promise.race([consulAnswers(api.address), child.then(() => false)]);
  if (!ready) expect.unreachable(`the agent did not start: ${(await child).all}`);
  return { api, child };
}

/** A real agent that is not in -dev mode waits seconds before it elects itself, by default. */
const quickElection = { raft_multiplier: 1 };

const freePorts = async (http: number) => ({
  http,
  server: await getPort(),
  serf_lan: await getPort(),
  serf_wan: -1,
  dns: -1,
  grpc: -1,
});

describe.each(["embedded", "real"] as const)("consul agent …, %s", (kind) => {
  const missing = kind === "real" && realConsul() === undefined;
  if (missing && process.env.CI === "true") throw new Error("CI needs the real Consul: FLOW_TEST_CONSUL");

  describe.skipIf(missing)(missing ? "(there is none: set FLOW_TEST_CONSUL)" : "as a process", () => {
    test("takes the flags and the configuration file of programs that start it, and ends with 1 at SIGTERM", async () => {
      const dir = await tempDirectory("consul-flags");
      const http = await getPort();
      const file = join(dir, "config.json");
      const nodeId = "3d2f1ab4-0c05-4d4c-9a6e-1d4f6c3b2a10";
      await writeFile(
        file,
        JSON.stringify({
          ports: await freePorts(http),
          node_id: nodeId,
          skip_leave_on_interrupt: true,
          connect: { enabled: false },
          peering: { enabled: false },
          enable_script_checks: true,
          performance: quickElection,
          http_config: { response_headers: {} },
          service: { name: "configured", port: 77, check: { args: ["true"], interval: "1s" } },
        }),
      );
      const pidFile = join(dir, "consul.pid");
      const flags = ["-node", "flagged", "-datacenter=east", "-bind=127.0.0.1", "-client", "127.0.0.1"];
      const { api, child } = await start(kind, http, [
        ...flags,
        "-bootstrap",
        "-server",
        "-config-file",
        file,
        "-data-dir",
        join(dir, "data"),
        "-pid-file",
        pidFile,
      ]);
      expect(await readFile(pidFile, "utf8")).toBe(String(child.pid));
      expect(await api.read("agent/self")).toMatchObject({
        Config: { NodeName: "flagged", NodeID: nodeId, Datacenter: "east", Server: true },
      });
      expect(await api.read("catalog/datacenters")).toEqual(["east"]);
      expect((await api.get("catalog/services?dc=east")).status).toBe(200);
      // Only -dev indents.
      expect(await (await fetch(`http://${api.address}/v1/catalog/datacenters`)).text()).toBe('["east"]');
      await api.settles<unknown[]>("health/service/configured?passing", (rows) => rows.length === 1);
      expect(await api.read("agent/checks")).toMatchObject({ "service:configured": { Type: "script" } });
      child.kill("SIGTERM");
      expect((await child).exitCode).toBe(1);
      await expect(readFile(pidFile)).rejects.toMatchObject({ code: "ENOENT" });
    });

    test("a port in use ends it with 1 and a sentence", async () => {
      const dir = await tempDirectory("consul-port");
      const http = await getPort();
      await start(kind, http, ["-dev", "-bind=127.0.0.1", "-hcl", JSON.stringify({ ports: await freePorts(http) })]);
      const [program, ...first] = consulCommand(kind);
      const ports = { ...(await freePorts(http)) };
      const second = await execa(
        program,
        [...first, "agent", "-dev", "-bind=127.0.0.1", "-hcl", JSON.stringify({ ports })],
        { reject: false, all: true, stdin: "ignore", cwd: dir },
      );
      expect(second.exitCode).toBe(1);
      expect(second.all).toMatch(new RegExp(`Error starting agent.*address.*${http}|${http}.*in use`, "is"));
    });

    test("bad flags and files end it with 1, and name what is wrong", async () => {
      const dir = await tempDirectory("consul-bad");
      const broken = join(dir, "broken.json");
      await writeFile(broken, '{"ports": ');
      const [program, ...first] = consulCommand(kind);
      for (const [args, said] of [
        [["-no-such-flag"], /flag provided but not defined: -no-such-flag/],
        [["-dev", "-config-file", broken], /broken\.json/],
        [["-dev", "-config-file", join(dir, "none.json")], /none\.json/],
        [["-server", "-bind=127.0.0.1"], /data_dir cannot be empty/],
      ] as const) {
        const { exitCode, all } = await execa(program, [...first, "agent", ...args], { reject: false, all: true });
        expect(exitCode, args.join(" ")).toBe(1);
        expect(all).toMatch(said);
      }
    });

    test("a state that was kept is there after the agent was killed", async () => {
      const dir = await tempDirectory("consul-state");
      const http = await getPort();
      const args = [
        "-node=keeper",
        "-server",
        "-bootstrap",
        "-bind=127.0.0.1",
        `-data-dir=${join(dir, "data")}`,
        "-hcl",
        JSON.stringify({ ports: await freePorts(http), performance: quickElection }),
      ];
      const before = await start(kind, http, args);
      await before.api.settles<object>("catalog/services", (services) => "consul" in services);
      await before.api.write("kv/kept?flags=7", "value");
      await before.api.register({ Name: "kept", Port: 80, Tags: ["t"], Check: { TTL: "1h", Status: "passing" } });
      await before.api.register({ Name: "left", Port: 81 });
      await before.api.write("agent/service/deregister/left");
      await before.api.settles<unknown[]>("health/service/kept?passing", (rows) => rows.length === 1);
      const session = await before.api.createSession({ Name: "kept", TTL: "600s" });
      expect(await before.api.write(`kv/locked?acquire=${session}`, "x")).toBe(true);
      const { NodeID } = (await before.api.read<{ Config: { NodeID: string } }>("agent/self")).Config;
      const { index } = await before.api.get("kv/locked");
      before.child.kill("SIGKILL");
      await before.child;

      const { api } = await start(kind, http, args);
      expect(await api.read("kv/kept")).toMatchObject([{ Flags: 7, Value: Buffer.from("value").toString("base64") }]);
      expect(await api.read("kv/locked")).toMatchObject([{ Session: session, LockIndex: 1 }]);
      expect((await api.get("kv/locked")).index).toBe(index);
      expect(await api.read(`session/info/${session}`)).toMatchObject([{ Name: "kept", TTL: "600s" }]);
      expect(await api.read("agent/self")).toMatchObject({ Config: { NodeID } });
      expect(Object.keys(await api.read<object>("agent/services"))).toEqual(["kept"]);
      expect(await api.read("agent/service/kept")).toMatchObject({ Port: 80, Tags: ["t"] });
      expect(await api.read("agent/checks")).toMatchObject({ "service:kept": { Type: "ttl" } });
      // What is written now is newer than anything before.
      await api.write("kv/new", "1");
      expect(Number((await api.get("kv/new")).index)).toBeGreaterThan(Number(index));
    });

    test("two agents live side by side and know nothing of each other", async () => {
      const [left, right] = await Promise.all(
        ["left", "right"].map(async (name) => {
          const http = await getPort();
          const ports = JSON.stringify({ ports: await freePorts(http) });
          const { api } = await start(kind, http, ["-dev", `-node=${name}`, "-bind=127.0.0.1", "-hcl", ports]);
          await api.register({ Name: name });
          await api.write("kv/name", name);
          await api.settles<object>("catalog/services", (services) => name in services);
          return api;
        }),
      );
      expect(await left?.get("kv/name?raw")).toMatchObject({ body: "left" });
      expect(await right?.get("kv/name?raw")).toMatchObject({ body: "right" });
      expect(Object.keys((await left?.read<object>("catalog/services")) ?? {})).toEqual(["consul", "left"]);
    });
  });
});

describe("the embedded agent's state", () => {
  const args = (dir: string, http: number) => ["-dev", `-http-port=${http}`, `-data-dir=${join(dir, "data")}`];

  test("survives a kill in the middle of a write: what was acknowledged is there, a line cut off is not", async () => {
    const dir = await tempDirectory("consul-torn");
    const http = await getPort();
    const before = await start("embedded", http, args(dir, http));
    for (let at = 0; at < 20; at++) await before.api.write(`kv/n/${at}`, String(at));
    before.child.kill("SIGKILL");
    await before.child;
    const files = await readdir(join(dir, "data/embedded"));
    const journal = files.find((name) => name.startsWith("journal-")) as string;
    await appendFile(join(dir, "data/embedded", journal), '[999,["kv","n/torn",{"Key":"n/to');
    const { api } = await start("embedded", http, args(dir, http));
    expect(await api.read("kv/n/?keys")).toHaveLength(20);
    expect((await api.get("kv/n/torn")).status).toBe(404);
  });

  test("every write that was answered under load is there after a kill", async () => {
    const dir = await tempDirectory("consul-load");
    const http = await getPort();
    const before = await start("embedded", http, args(dir, http));
    const acknowledged: string[] = [];
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let at = 0; ; at++) {
        const key = `${writer}/${at}`;
        const answer = await before.api.put(`kv/load/${key}`, "x".repeat(200)).catch(() => undefined);
        if (answer === undefined) return;
        acknowledged.push(`load/${key}`);
      }
    });
    await poll(() => acknowledged.length > 500, { timeoutMs: 60_000 });
    before.child.kill("SIGKILL");
    await Promise.all(writers);
    const { api } = await start("embedded", http, args(dir, http));
    const there = new Set(await api.read<string[]>("kv/load/?keys"));
    expect(acknowledged.filter((key) => !there.has(key))).toEqual([]);
  });

  test("is in memory alone without a data directory, and a renamed node leaves nothing behind", async () => {
    const dir = await tempDirectory("consul-rename");
    const http = await getPort();
    const first = await start("embedded", http, [...args(dir, http), "-node=old"]);
    await first.api.register({ Name: "carried" });
    first.child.kill("SIGTERM");
    await first.child;
    const second = await start("embedded", http, [...args(dir, http), "-node=new"]);
    expect(await second.api.read("catalog/nodes")).toMatchObject([{ Node: "new" }]);
    expect(await second.api.read("catalog/service/carried")).toMatchObject([{ Node: "new" }]);
    second.child.kill("SIGTERM");
    await second.child;
    const third = await start("embedded", http, ["-dev", `-http-port=${http}`]);
    expect(Object.keys(await third.api.read<object>("catalog/services"))).toEqual(["consul"]);
  });

  test("says what it is, which version it follows, and what it ignores", async () => {
    const [program, ...first] = consulCommand("embedded");
    const version = await execa(program, [...first, "version"]);
    expect(version.stdout).toMatch(/^Consul v1\.\d+\.\d+\S*\nEmbedded agent of flow/);
    expect(await execa(program, [...first, "kv", "get", "x"], { reject: false })).toMatchObject({
      exitCode: 127,
      stderr: expect.stringContaining("knows the commands agent and version, not kv") as string,
    });
    const http = await getPort();
    const { child } = await start("embedded", http, ["-dev", `-http-port=${http}`, "-retry-join=10.0.0.1"]);
    child.kill("SIGTERM");
    expect((await child).all).toContain("joining 10.0.0.1 is not possible: this agent is a cluster of its own");
  });
});
