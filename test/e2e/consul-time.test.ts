import { createServer, type RequestListener } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import { expect, test } from "vitest";
import { poll } from "../../src/core/retry.ts";
import { blocking, type ConsulApi } from "../support/consul-api.ts";
import { describeConsul } from "../support/consul-suite.ts";
import { serveEcho } from "../support/echo.ts";

interface Check {
  Status: string;
  Output: string;
  Type: string;
}

type Checks = Record<string, Check>;

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The agent's own view of a check once it passes the condition: the catalog learns of outputs minutes later. */
async function settled(consul: ConsulApi, id: string, passes: (check: Check) => boolean): Promise<Check> {
  const checks = await consul.settles<Checks>("agent/checks", (all) => all[id] !== undefined && passes(all[id]));
  return checks[id] as Check;
}

describeConsul(
  "what takes its time",
  (consul) => {
    test("a key stays closed for the lock delay of a session that was ended", async () => {
      const [holder, next] = [await consul.createSession({ LockDelay: "2s" }), await consul.createSession()];
      await consul.write(`kv/delayed?acquire=${holder}`, "1");
      const before = performance.now();
      await consul.write(`session/destroy/${holder}`);
      expect(await consul.write(`kv/delayed?acquire=${next}`, "2")).toBe(false);
      const open = await poll(async () => await consul.write<boolean>(`kv/delayed?acquire=${next}`, "2"), {
        timeoutMs: 20_000,
      });
      expect(open).toBe(true);
      expect(performance.now() - before).toBeGreaterThan(1_900);
    });

    test("a session of TTL 10 s that nobody renews goes after twice that time", async () => {
      const before = performance.now();
      const session = await consul.createSession({ TTL: "10s" });
      let latest = await consul.get(`session/info/${session}`);
      while ((latest.body as object[]).length > 0) {
        latest = await consul.get(blocking(`session/info/${session}`, latest.index, "100s"));
      }
      expect(performance.now() - before).toBeGreaterThan(19_000);
      expect(latest.ms).toBeLessThan(90_000);
    });

    test("a session that is renewed stays", async () => {
      const session = await consul.createSession({ TTL: "10s" });
      await consul.write("kv/never-changes", "1");
      const { index } = await consul.get("kv/never-changes");
      await consul.get(blocking("kv/never-changes", index, "11s"));
      expect(await consul.write(`session/renew/${session}`)).toMatchObject([{ ID: session }]);
      await consul.get(blocking("kv/never-changes", index, "11s"));
      expect(await consul.read(`session/info/${session}`)).toMatchObject([{ ID: session }]);
    });

    test("a blocking query ends after its wait and up to a sixteenth more", async () => {
      await consul.write("kv/still", "1");
      const { index } = await consul.get("kv/still");
      const waits = await Promise.all(
        Array.from({ length: 8 }, () => consul.get(blocking("kv/still", index, "1600ms"))),
      );
      for (const { ms } of waits) expect(ms).toBeGreaterThanOrEqual(1_599);
      expect(Math.min(...waits.map(({ ms }) => ms))).toBeLessThan(10_000);
      expect(new Set(waits.map((answer) => answer.index))).toEqual(new Set([index]));
    });

    test("an index from the future waits out the time and then answers with the real one", async () => {
      await consul.write("kv/future", "1");
      const { index } = await consul.get("kv/future");
      const answer = await consul.get(blocking("kv/future", "999999999", "700ms"));
      expect(answer.ms).toBeGreaterThanOrEqual(699);
      expect(answer).toMatchObject({ status: 200, index });
    });

    test("a wait of nothing is the default wait, not an answer at once", async () => {
      await consul.write("kv/default-wait", "1");
      const { index } = await consul.get("kv/default-wait");
      let answered = false;
      const next = consul.get(blocking("kv/default-wait", index, "0s")).then((answer) => {
        answered = true;
        return answer;
      });
      await consul.get(blocking("kv/default-wait", index, "1500ms"));
      expect(answered).toBe(false);
      await consul.write("kv/default-wait", "2");
      expect(Number((await next).index)).toBeGreaterThan(Number(index));
    });

    test("a TTL check starts critical, passes when told to, and is critical again when its time is over", async () => {
      await consul.register({ Name: "ttl", Check: { TTL: "4s" } });
      expect(await settled(consul, "service:ttl", () => true)).toMatchObject({ Status: "critical", Output: "" });
      await consul.write("agent/check/pass/service:ttl?note=fine");
      expect(await settled(consul, "service:ttl", ({ Status }) => Status === "passing")).toMatchObject({
        Output: "fine",
        Type: "ttl",
      });
      await consul.settles<Check[]>("health/checks/ttl", ([check]) => check?.Status === "passing");
      await consul.settles<Check[]>("health/checks/ttl", ([check]) => check?.Status === "critical");
      expect((await settled(consul, "service:ttl", ({ Status }) => Status === "critical")).Output).toBe(
        "TTL expired (last output before timeout follows): fine",
      );
    });

    test("an HTTP check passes on 2xx, warns on 429, fails on anything else, and follows the service", async () => {
      let status = 200;
      const seen: string[] = [];
      const answer: RequestListener = (request, response) => {
        seen.push(`${request.method} ${request.headers["user-agent"]}`);
        response.writeHead(status).end("body");
      };
      const server = createServer(answer);
      const address = await listening(server);
      try {
        await consul.register({ Name: "web", Check: { HTTP: `http://${address}/health`, Interval: "1s" } });
        for (const [next, wanted, said] of [
          [200, "passing", "200 OK"],
          [429, "warning", "429 Too Many Requests"],
          [500, "critical", "500 Internal Server Error"],
          [201, "passing", "201 Created"],
        ] as const) {
          status = next;
          const check = await settled(
            consul,
            "service:web",
            ({ Status, Output }) => Status === wanted && Output !== "",
          );
          expect(check).toMatchObject({
            Type: "http",
            Output: `HTTP GET http://${address}/health: ${said} Output: body`,
          });
        }
        expect(new Set(seen)).toEqual(new Set(["GET Consul Health Check"]));
      } finally {
        server.close();
        server.closeAllConnections();
      }
      const refused = await settled(consul, "service:web", ({ Status }) => Status === "critical");
      expect(refused.Output).toBe(`Get "http://${address}/health": dial tcp ${address}: connect: connection refused`);
    });

    test("an HTTP check sends the method, headers and body that it was given", async () => {
      const { promise: seen, resolve } = Promise.withResolvers<object>();
      const server = createServer((request, response) => {
        let body = "";
        request.on("data", (chunk) => (body += String(chunk)));
        request.on("end", () => {
          const { host, "x-a": list } = request.headers;
          resolve({ method: request.method, host, list, body });
          response.end();
        });
      });
      try {
        const HTTP = `http://${await listening(server)}`;
        const Header = { Host: ["shop.example"], "X-A": ["1", "2"] };
        await consul.write("agent/check/register", {
          Name: "post",
          HTTP,
          Method: "POST",
          Body: "hi",
          Header,
          Interval: "1s",
        });
        expect(await seen).toEqual({ method: "POST", host: "shop.example", list: "1, 2", body: "hi" });
      } finally {
        await consul.write("agent/check/deregister/post");
        server.close();
        server.closeAllConnections();
      }
    });

    test("an HTTP check gives up after its timeout", async () => {
      const server = createServer(() => {});
      try {
        const HTTP = `http://${await listening(server)}`;
        await consul.register({ Name: "hangs", Check: { HTTP, Interval: "1s", Timeout: "300ms", Status: "passing" } });
        const check = await settled(consul, "service:hangs", ({ Status }) => Status === "critical");
        expect(check.Output).toContain("context deadline exceeded");
      } finally {
        server.close();
        server.closeAllConnections();
      }
    });

    test("a TCP check passes while somebody listens", async () => {
      const server = createTcpServer((socket) => socket.on("error", () => {}).resume());
      const address = await listening(server);
      await consul.register({ Name: "tcp", Check: { TCP: address, Interval: "1s" } });
      const passing = await settled(consul, "service:tcp", ({ Status }) => Status === "passing");
      expect(passing).toMatchObject({ Type: "tcp", Output: `TCP connect ${address}: Success` });
      server.close();
      const refused = await settled(consul, "service:tcp", ({ Status }) => Status === "critical");
      expect(refused.Output).toBe(`dial tcp ${address}: connect: connection refused`);
    });

    test("a gRPC check asks for the whole server or for one service of it", async () => {
      const server = await serveEcho();
      const checks = { all: server.address, one: `${server.address}/test.Echo`, other: `${server.address}/no.Such` };
      for (const [Name, GRPC] of Object.entries(checks)) {
        await consul.write("agent/check/register", { Name, GRPC, Interval: "1s" });
      }
      const passing = ({ Status }: Check) => Status === "passing";
      expect(await settled(consul, "all", passing)).toMatchObject({
        Type: "grpc",
        Output: `gRPC check ${server.address}: success`,
      });
      expect((await settled(consul, "one", passing)).Output).toBe(`gRPC check ${server.address}/test.Echo: success`);
      const unknown = await settled(consul, "other", ({ Output }) => Output !== "");
      expect(unknown.Output).toMatch(/^rpc error: code = NotFound desc = /);
      await server.stop();
      const gone = await settled(consul, "all", ({ Status }) => Status === "critical");
      expect(gone.Output).toContain("connect: connection refused");
    });

    test("a status follows only after as many results in a row as the check says", async () => {
      let status = 500;
      let asked = 0;
      const server = createServer((_request, response) => {
        asked++;
        response.writeHead(status).end();
      });
      try {
        const HTTP = `http://${await listening(server)}`;
        await consul.write("agent/check/register", {
          Name: "steady",
          HTTP,
          Interval: "1s",
          SuccessBeforePassing: 2,
        });
        await settled(consul, "steady", ({ Output }) => Output !== "");
        const before = asked;
        status = 200;
        await settled(consul, "steady", ({ Status }) => Status === "passing");
        expect(asked - before).toBeGreaterThanOrEqual(2);
      } finally {
        await consul.write("agent/check/deregister/steady");
        server.close();
        server.closeAllConnections();
      }
    });
  },
  { concurrent: true },
);
