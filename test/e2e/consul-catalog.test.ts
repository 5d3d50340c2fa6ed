import { expect, test } from "vitest";
import type { ConsulApi } from "../support/consul-api.ts";
import { describeConsul } from "../support/consul-suite.ts";

type Rows = Record<string, unknown>[];

/** Enters a service on a node of its own, past any agent. */
function enter(consul: ConsulApi, node: string, service: object, more: object = {}): Promise<unknown> {
  return consul.write("catalog/register", { Node: node, Address: "10.1.1.1", Service: service, ...more });
}

const filtered = (path: string, filter: string) => `${path}?filter=${encodeURIComponent(filter)}`;

describeConsul("catalog and health", (consul) => {
  test("nodes, services and checks are entered past any agent, and taken out again", async () => {
    await enter(
      consul,
      "n1",
      { ID: "db-1", Service: "db", Port: 5, Tags: ["primary"], Meta: { a: "b" } },
      {
        NodeMeta: { rack: "7" },
        Check: {
          CheckID: "db-up",
          Name: "up",
          ServiceID: "db-1",
          Status: "passing",
          Definition: { TCP: "10.1.1.1:5", Interval: "9s" },
        },
      },
    );
    const [node] = (await consul.read<Rows>("catalog/nodes?node-meta=rack:7")) as [{ ModifyIndex: number }];
    expect(node).toEqual({
      ID: "",
      Node: "n1",
      Address: "10.1.1.1",
      Datacenter: "dc1",
      TaggedAddresses: null,
      Meta: { rack: "7" },
      CreateIndex: node.ModifyIndex,
      ModifyIndex: expect.any(Number) as number,
    });
    expect(await consul.read("catalog/services")).toMatchObject({ db: ["primary"] });
    expect(await consul.read("catalog/services?node-meta=rack:8")).toEqual({});
    expect(await consul.read("catalog/node/N1")).toMatchObject({
      Node: { Node: "n1" },
      Services: { "db-1": { Port: 5 } },
    });
    expect(await consul.read("health/service/DB?passing")).toMatchObject([
      { Node: { Node: "n1" }, Service: { ID: "db-1" }, Checks: [{ CheckID: "db-up", Type: "tcp", Status: "passing" }] },
    ]);
    expect(await consul.read("health/state/passing")).toMatchObject([{ CheckID: "db-up" }, { CheckID: "serfHealth" }]);
    expect(await consul.read("health/checks/db")).toMatchObject([{ CheckID: "db-up", ServiceTags: ["primary"] }]);

    await consul.write("catalog/deregister", { Node: "n1", CheckID: "db-up" });
    expect(await consul.read("health/checks/db")).toEqual([]);
    await consul.write("catalog/deregister", { Node: "n1", ServiceID: "db-1" });
    expect(await consul.read("catalog/service/db")).toEqual([]);
    await consul.write("catalog/deregister", { Node: "n1" });
    expect(await consul.read("catalog/nodes")).toMatchObject([{ Node: "test" }]);
    expect(await consul.put("catalog/deregister", { Node: "n1" })).toMatchObject({ status: 200, body: true });
  });

  test("what cannot be entered is refused, and changes nothing", async () => {
    const before = await consul.read("catalog/nodes");
    const at = { Node: "n2", Address: "10.1.1.2" };
    const refused: [object, number, string | RegExp][] = [
      [{}, 500, "Must provide node"],
      [{ Node: "n2" }, 500, "Must provide address if SkipNodeUpdate is not set"],
      [{ ...at, Datacenter: "elsewhere" }, 500, "No path to datacenter"],
      [{ ...at, ID: "short" }, 500, "Bad node ID: uuid string is wrong length"],
      [{ ...at, Colour: "red" }, 400, 'Request decode failed: json: unknown field "Colour"'],
      [{ ...at, Service: { ID: "x" } }, 500, "Must provide service name (Service.Service) when service ID is provided"],
      [{ ...at, Check: { CheckID: "c", ServiceID: "none" } }, 500, "Unknown service ID 'none' for check ID 'c'"],
      [{ ...at, Check: { Status: "passing" } }, 500, /^failed inserting check on node "n2"/],
    ];
    for (const [definition, status, sentence] of refused) {
      const answer = await consul.put("catalog/register", definition);
      expect(answer.status, JSON.stringify(definition)).toBe(status);
      if (typeof sentence === "string") expect(answer.body).toContain(sentence);
      else expect(answer.body).toMatch(sentence);
    }
    await consul.write("catalog/deregister", { Node: "n2" });
    expect(await consul.read("catalog/nodes")).toEqual(before);
  });

  test("of what is unknown there is an empty answer, of what has no name 400", async () => {
    expect(await consul.get("catalog/node/none")).toMatchObject({ status: 200, body: null });
    for (const path of ["health/service/none", "health/checks/none", "health/node/none", "catalog/service/none"]) {
      expect(await consul.get(path)).toMatchObject({ status: 200, body: [] });
    }
    expect(await consul.get("catalog/service/")).toMatchObject({ status: 400, body: "Missing service name" });
    expect(await consul.get("health/node/")).toMatchObject({ status: 400, body: "Missing node name" });
    expect(await consul.get("health/state/")).toMatchObject({ status: 400, body: "Missing check state" });
    expect(await consul.get("health/service/x?passing=perhaps")).toMatchObject({
      status: 400,
      body: "Invalid value for ?passing",
    });
  });

  test("parameters that cannot be understood are refused in Consul's words", async () => {
    for (const [query, status, sentence] of [
      ["index=abc", 400, "Invalid index"],
      ["index=-1", 400, "Invalid index"],
      ["wait=abc", 400, "Invalid wait time"],
      ["index=1&wait=10", 400, "Invalid wait time"],
      ["stale&consistent", 400, "Cannot specify ?stale with ?consistent, conflicting semantics."],
      ["max_stale=abc", 400, 'Invalid max_stale value "abc"'],
      ["dc=elsewhere", 500, "No path to datacenter"],
      ["partition=x", 400, 'Invalid query parameter: "partition" - Partitions are a Consul Enterprise feature'],
    ] as const) {
      for (const path of ["catalog/nodes", "catalog/services", "health/service/x", "health/state/any"]) {
        expect(await consul.get(`${path}?${query}`), `${path}?${query}`).toMatchObject({ status, body: sentence });
      }
    }
    expect((await consul.get("catalog/services?ns=x")).status).toBe(400);
    expect((await consul.get("catalog/nodes?dc=dc1&index=0&near=_agent")).status).toBe(200);
  });

  test("an answer says how consistent it is, and from a cache, how old", async () => {
    for (const [query, consistency] of [
      ["", "leader"],
      ["?stale", "stale"],
      ["?consistent", "consistent"],
    ]) {
      const { headers } = await consul.get(`catalog/services${query}`);
      expect(Object.fromEntries(headers)).toMatchObject({
        "x-consul-effective-consistency": consistency,
        "x-consul-knownleader": "true",
        "x-consul-lastcontact": "0",
        "x-consul-index": expect.stringMatching(/^[1-9]\d*$/) as string,
        "x-consul-default-acl-policy": "allow",
      });
    }
    const path = "catalog/service/cached-one?cached";
    const first = await consul.get(path);
    expect(first.headers.get("x-cache")).toBe("MISS");
    const second = await consul.get(path);
    expect(second.headers.get("x-cache")).toBe("HIT");
    expect(second.headers.get("age")).toMatch(/^\d+$/);
    expect((await consul.get("catalog/nodes?cached")).headers.get("x-cache")).toBeNull();
  });

  test("JSON is indented by four spaces under -dev, and long answers are compressed for who asks", async () => {
    for (let at = 0; at < 20; at++) await enter(consul, "many", { ID: `many-${at}`, Service: "many" });
    const url = `http://${consul.address}/v1/catalog/service/many`;
    const plain = await fetch(url, { headers: { "accept-encoding": "identity" } });
    expect(plain.headers.get("content-encoding")).toBeNull();
    expect(await plain.text()).toMatch(/^\[\n {4}\{\n {8}"ID": "",\n/);
    const packed = await fetch(url, { headers: { "accept-encoding": "gzip" } });
    expect(packed.headers.get("content-encoding")).toBe("gzip");
    expect(await packed.json()).toHaveLength(20);
    await consul.write("catalog/deregister", { Node: "many" });
  });

  test("tags narrow a service, all of them, in any case", async () => {
    await enter(consul, "tagged", { ID: "t1", Service: "tagged", Tags: ["a", "b"] });
    await enter(consul, "tagged", { ID: "t2", Service: "tagged", Tags: ["a"] });
    const ids = async (query: string) =>
      (await consul.read<{ ServiceID: string }[]>(`catalog/service/tagged?${query}`)).map(({ ServiceID }) => ServiceID);
    expect(await ids("tag=A")).toEqual(["t1", "t2"]);
    expect(await ids("tag=a&tag=b")).toEqual(["t1"]);
    expect(await ids("tag=c")).toEqual([]);
    expect(await consul.read("health/service/tagged?tag=b")).toMatchObject([{ Service: { ID: "t1" } }]);
    await consul.write("catalog/deregister", { Node: "tagged" });
  });

  test("?passing leaves out instances any of whose checks does not pass, the node's included", async () => {
    const Check = { CheckID: "p1-up", ServiceID: "p1", Status: "passing" };
    await enter(consul, "passing-node", { ID: "p1", Service: "choosy" }, { Check });
    expect(await consul.read("health/service/choosy?passing")).toHaveLength(1);
    await enter(consul, "passing-node", { ID: "p1", Service: "choosy" }, { Check: { ...Check, Status: "warning" } });
    expect(await consul.read("health/service/choosy?passing")).toEqual([]);
    expect(await consul.read("health/service/choosy?passing=false")).toHaveLength(1);
    await enter(consul, "passing-node", { ID: "p1", Service: "choosy" }, { Check });
    await enter(
      consul,
      "passing-node",
      { ID: "p1", Service: "choosy" },
      { Check: { CheckID: "disk", Status: "critical" } },
    );
    expect(await consul.read("health/service/choosy?passing")).toEqual([]);
    await consul.write("catalog/deregister", { Node: "passing-node" });
  });

  test("filters choose by fields, lists, maps and structures, and combine", async () => {
    const web = { ID: "f1", Service: "filtered", Port: 80, Tags: ["x", "y"], Meta: { version: "2", "a-b": "c" } };
    await enter(consul, "fn", web, { Check: { CheckID: "f1-up", ServiceID: "f1", Status: "passing", Name: "up" } });
    await enter(consul, "fn", { ID: "f2", Service: "filtered", Port: 81 });
    const ids = async (filter: string) =>
      (await consul.read<{ Service: { ID: string } }[]>(filtered("health/service/filtered", filter))).map(
        ({ Service }) => Service.ID,
      );
    const chosen: [string, string[]][] = [
      ["Service.ID == f1", ["f1"]],
      ['Service.ID != "f1"', ["f2"]],
      ["Service.Port == 81", ["f2"]],
      ["x in Service.Tags", ["f1"]],
      ["Service.Tags contains y", ["f1"]],
      ["z not in Service.Tags", ["f1", "f2"]],
      ["Service.Tags is empty", ["f2"]],
      ["Service.Tags is not empty", ["f1"]],
      ["Service.Meta.version == 2", ["f1"]],
      ['Service.Meta["a-b"] == "c"', ["f1"]],
      ["version in Service.Meta", ["f1"]],
      ["Service.Meta is empty", ["f2"]],
      ['Service.ID matches "^f[12]$"', ["f1", "f2"]],
      ["Service.ID not matches `1`", ["f2"]],
      ['Checks.Status == "passing"', ["f1"]],
      ['Checks.Name matches "u."', ["f1"]],
      ["Checks is empty", ["f2"]],
      ['Node.Node == "fn"', ["f1", "f2"]],
      ["Service.Weights.Passing == 1", ["f1", "f2"]],
      ["not Service.ID == f1", ["f2"]],
      ["Service.ID == f1 and Service.Port == 81", []],
      ["Service.ID == f1 or Service.Port == 81", ["f1", "f2"]],
      ["not (Service.ID == f1 or Service.Port == 81)", []],
      // `and` binds more closely than `or`.
      ["Service.ID == f1 or Service.Port == 81 and Service.ID == f3", ["f1"]],
    ];
    for (const [filter, expected] of chosen) expect(await ids(filter), filter).toEqual(expected);

    expect(await consul.read(filtered("catalog/service/filtered", "ServicePort == 80"))).toHaveLength(1);
    expect(await consul.read(filtered("catalog/nodes", 'Node == "fn"'))).toHaveLength(1);
    expect(await consul.read(filtered("health/node/fn", "Status == passing"))).toHaveLength(1);
    expect(await consul.read(filtered("catalog/node/fn", "Port == 81"))).toMatchObject({ Services: { f2: {} } });
    await consul.write("catalog/deregister", { Node: "fn" });
  });

  test("a filter that cannot be understood is 500 and says where", async () => {
    await enter(consul, "bad-filter", { Service: "bad-filter" });
    for (const [filter, said] of [
      ["nonsense", /1:9 \(8\): no match found/],
      ["Colour == red", /Selector "Colour" is not valid/],
      ["Service == ", /: no match found/],
      ["Service.Port == abc", /strconv.ParseInt: parsing "abc": invalid syntax/],
      ["Service.Port contains 1", /Invalid match operator "In" for selector "Service.Port"/],
      ["Service.Weights is empty", /Invalid match operator "Is Empty" for selector "Service.Weights"/],
      ['Service.ID matches "("', /Failed to compile regular expression "\("/],
      ["(Service.ID == a", /1:17 \(16\): /],
      ["Service.ID == a-b", /1:16 \(15\): no match found/],
      ["   ", /1:4 \(3\): no match found/],
    ] as const) {
      const answer = await consul.get(filtered("health/service/bad-filter", filter));
      expect(answer.status, filter).toBe(500);
      expect(answer.body).toMatch(/^Failed to create boolean expression evaluator: /);
      expect(answer.body).toMatch(said);
    }
    await consul.write("catalog/deregister", { Node: "bad-filter" });
  });
});

describeConsul("who is woken", (consul) => {
  const port = (Port: number) => ({ Name: "a", ID: "a1", Port, Check: { TTL: "1h" } });

  test("a watch of one service hears of its instances, checks and node, and not of other services", async () => {
    await consul.register(port(80));
    await consul.settles<Rows>("health/service/a", (rows) => rows.length === 1);
    const own = ["health/service/a", "health/service/a?passing", "health/service/a?tag=none"];
    await consul.effect(() => consul.register({ Name: "b", Check: { TTL: "1h" } }), {
      wakes: ["catalog/services", "catalog/node/test", "health/node/test", "health/state/any"],
      sleeps: own,
    });
    await consul.effect(() => consul.write("agent/check/pass/service:b"), {
      sleeps: [...own, "catalog/services"],
    });
    // A change of an instance that does not pass wakes those who want passing ones, too.
    await consul.effect(() => consul.write("agent/check/warn/service:a1"), {
      wakes: [...own, "health/checks/a", "health/node/test", "health/state/warning"],
      sleeps: ["catalog/services", "catalog/node/test", "health/service/b"],
    });
    await consul.effect(() => consul.register(port(81)), {
      wakes: [...own, "catalog/service/a", "catalog/services", "catalog/node/test"],
      sleeps: ["health/node/test", "health/checks/a"],
    });
    await consul.effect(() => consul.write("agent/check/register", { Name: "node check", TTL: "1h" }), {
      wakes: [...own, "health/service/b", "health/service/consul", "health/node/test"],
      sleeps: ["catalog/services"],
    });
    await consul.write("agent/check/deregister/node check");
  });

  test("a check whose output alone changed wakes nobody", async () => {
    await consul.register({ Name: "chatty", Check: { TTL: "1h" } });
    await consul.write("agent/check/pass/service:chatty?note=one");
    await consul.settles<Rows>("health/service/chatty?passing", (rows) => rows.length === 1);
    await consul.effect(() => consul.write("agent/check/pass/service:chatty?note=two"), {
      sleeps: ["health/service/chatty", "health/checks/chatty", "health/node/test", "health/state/any"],
    });
    expect(await consul.read("agent/checks")).toMatchObject({ "service:chatty": { Output: "two" } });
  });

  test("who waits for a service that is not there hears when it comes and when it goes", async () => {
    const { next } = await consul.follow("health/service/awaited");
    await consul.effect(() => consul.write("kv/unrelated", "1"), { sleeps: ["health/service/awaited"] });
    await consul.register({ Name: "awaited" });
    expect((await next).body).toMatchObject([{ Service: { Service: "awaited" } }]);
    await consul.effect(() => consul.write("agent/service/deregister/awaited"), {
      wakes: ["health/service/awaited", "catalog/service/awaited", "catalog/services"],
    });
    expect(await consul.read("health/service/awaited")).toEqual([]);
  });

  test("entering the same again wakes nobody; a node's new address wakes its services", async () => {
    const Address = (address: string) =>
      consul.write("catalog/register", { Node: "far", Address: address, Service: { Service: "far-service" } });
    await Address("10.2.2.2");
    const watched = ["catalog/nodes", "catalog/node/far", "catalog/service/far-service", "health/service/far-service"];
    await consul.effect(() => Address("10.2.2.2"), { sleeps: watched });
    await consul.effect(() => Address("10.2.2.3"), { wakes: watched });
    expect(await consul.read("catalog/service/far-service")).toMatchObject([{ Address: "10.2.2.3" }]);
    await consul.effect(() => consul.write("catalog/deregister", { Node: "far" }), {
      wakes: ["catalog/nodes", "catalog/service/far-service"],
    });
  });

  test("no index is ever 0, and one that is given 0, or none, does not block", async () => {
    for (const path of ["kv/?keys", "session/list", "event/list", "catalog/node/none", "health/service/none"]) {
      const [without, zero] = [
        await consul.get(path),
        await consul.get(`${path.includes("?") ? `${path}&` : `${path}?`}index=0`),
      ];
      expect(Number(without.index), path).toBeGreaterThanOrEqual(1);
      expect(zero.ms).toBeLessThan(10_000);
    }
  });
});

describeConsul("transactions", (consul) => {
  const txn = (...operations: object[]) => consul.put("txn", operations);
  const kv = (operation: object) => ({ KV: { Value: "YQ==", ...operation } });

  test("do all of their operations, and answer with what they wrote, without values", async () => {
    const { status, body } = await txn(
      kv({ Verb: "set", Key: "txn/a", Flags: 7 }),
      kv({ Verb: "cas", Key: "txn/b", Index: 0 }),
      kv({ Verb: "get", Key: "txn/a" }),
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({
      Errors: null,
      Results: [
        { KV: { Key: "txn/a", Flags: 7, Value: null, LockIndex: 0 } },
        { KV: { Key: "txn/b", Value: null } },
        { KV: { Key: "txn/a", Value: "YQ==" } },
      ],
    });
    expect(await consul.read("kv/txn/?keys")).toEqual(["txn/a", "txn/b"]);
  });

  test("a conflict is 409, names every operation that failed, and undoes the rest", async () => {
    const { status, body } = await txn(
      kv({ Verb: "set", Key: "undone" }),
      kv({ Verb: "get", Key: "missing" }),
      kv({ Verb: "cas", Key: "txn/a", Index: 1 }),
    );
    expect(status).toBe(409);
    expect(body).toMatchObject({
      Results: null,
      Errors: [
        { OpIndex: 1, What: 'key "missing" doesn\'t exist' },
        { OpIndex: 2, What: 'failed to set key "txn/a", index is stale' },
      ],
    });
    expect((await consul.get("kv/undone")).status).toBe(404);
  });

  test("a verb that there is not is 409, what cannot be read 400, too much 413", async () => {
    expect(await txn(kv({ Verb: "explode", Key: "x" }))).toMatchObject({
      status: 409,
      body: { Errors: [{ OpIndex: 0, What: 'unknown KV verb "explode"' }] },
    });
    expect((await txn({ KV: { Verb: "set", Key: "x", Value: "!!" } })).status).toBe(400);
    expect((await txn({ KV: { Verb: "set", Key: "x", Colour: "red" } })).status).toBe(400);
    expect((await consul.put("txn", "{}")).status).toBe(400);
    const many = (count: number) => Array.from({ length: count }, (_, at) => kv({ Verb: "set", Key: `many/${at}` }));
    expect((await txn(...many(64))).status).toBe(200);
    expect((await txn(...many(65))).status).toBe(413);
    expect((await txn(kv({ Verb: "set", Key: "x", Value: "A".repeat(600_000) }))).status).toBe(413);
  });

  test("those that only read say so, and carry how fresh they are", async () => {
    await consul.write("kv/txn/read", "a");
    const { status, headers, body } = await txn(kv({ Verb: "get-tree", Key: "txn/read" }));
    expect(status).toBe(200);
    expect(headers.get("x-consul-knownleader")).toBe("true");
    expect(headers.get("x-consul-lastcontact")).toBe("0");
    expect(body).toMatchObject({ KnownLeader: true, Index: expect.any(Number) as number, LastContact: 0 });
    expect((await txn(kv({ Verb: "set", Key: "txn/read" }))).body).not.toHaveProperty("KnownLeader");
  });

  test("checks of index, session and absence guard what follows them", async () => {
    const session = await consul.createSession();
    await consul.write("kv/guarded", "1");
    const { index } = await consul.get("kv/guarded");
    expect((await txn(kv({ Verb: "check-index", Key: "guarded", Index: Number(index) }))).status).toBe(200);
    expect((await txn(kv({ Verb: "check-index", Key: "guarded", Index: 1 }))).status).toBe(409);
    expect((await txn(kv({ Verb: "check-not-exists", Key: "guarded" }))).body).toMatchObject({
      Errors: [{ What: 'key "guarded" exists' }],
    });
    expect((await txn(kv({ Verb: "lock", Key: "guarded", Session: session }))).status).toBe(200);
    expect((await txn(kv({ Verb: "check-session", Key: "guarded", Session: session }))).status).toBe(200);
    expect((await txn(kv({ Verb: "unlock", Key: "guarded", Session: session }))).status).toBe(200);
    expect((await txn(kv({ Verb: "check-session", Key: "guarded", Session: session }))).status).toBe(409);
    expect((await txn(kv({ Verb: "delete-tree", Key: "guard" }))).body).toMatchObject({ Results: [], Errors: null });
    expect((await consul.get("kv/guarded")).status).toBe(404);
  });

  test("nodes, services and checks take part", async () => {
    const Node = { Node: "txn-node", Address: "10.3.3.3" };
    const done = await txn(
      { Node: { Verb: "set", Node } },
      { Service: { Verb: "set", Node: "txn-node", Service: { Service: "txn-service", Port: 9 } } },
      {
        Check: {
          Verb: "set",
          Check: { Node: "txn-node", CheckID: "c", Name: "c", Status: "passing", ServiceID: "txn-service" },
        },
      },
    );
    expect(done.body).toMatchObject({
      Results: [
        { Node: { ...Node, Datacenter: "dc1" } },
        { Service: { ID: "txn-service", Port: 9, Tags: null } },
        { Check: { CheckID: "c", Status: "passing", ServiceName: "txn-service" } },
      ],
      Errors: null,
    });
    expect(await consul.read("health/service/txn-service?passing")).toHaveLength(1);
    const failed = await txn(
      { Node: { Verb: "delete", Node } },
      { Service: { Verb: "set", Node: "nowhere", Service: { Service: "s" } } },
      { Node: { Verb: "explode", Node } },
    );
    expect(failed).toMatchObject({ status: 409, body: { Results: null } });
    expect((failed.body as { Errors: { OpIndex: number }[] }).Errors.map(({ OpIndex }) => OpIndex)).toEqual([1, 2]);
    expect(await consul.read("catalog/node/txn-node")).not.toBeNull();
    expect((await txn({ Node: { Verb: "delete", Node } })).status).toBe(200);
    expect(await consul.read("health/service/txn-service")).toEqual([]);
  });

  test("wake those who follow what they change", async () => {
    for (const key of ["both/1", "both/2"]) await consul.write(`kv/${key}`, "x");
    await consul.effect(() => txn(kv({ Verb: "set", Key: "both/1" }), kv({ Verb: "set", Key: "both/2" })), {
      wakes: ["kv/both/1", "kv/both/2", "kv/both/?recurse"],
    });
    await consul.effect(
      () => txn(kv({ Verb: "set", Key: "both/1", Value: "Yg==" }), kv({ Verb: "get", Key: "none" })),
      {
        sleeps: ["kv/both/1", "kv/both/?recurse"],
      },
    );
  });
});
