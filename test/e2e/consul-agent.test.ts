import { expect, test } from "vitest";
import type { ConsulApi } from "../support/consul-api.ts";
import { describeConsul } from "../support/consul-suite.ts";

type Rows = Record<string, unknown>[];

/** A service with a TTL check, once the catalog has it too. */
async function registered(consul: ConsulApi, definition: { Name: string; ID?: string } & object): Promise<void> {
  await consul.register({ Check: { TTL: "1h" }, ...definition });
  await consul.settles<{ Service: { ID: string } }[]>(`health/service/${definition.Name}`, (rows) =>
    rows.some(({ Service }) => Service.ID === (definition.ID ?? definition.Name)),
  );
}

describeConsul("agent", (consul, kind) => {
  test("tells who it is, and that it leads alone", async () => {
    const self = await consul.read("agent/self");
    expect(self).toMatchObject({
      Config: { Datacenter: "dc1", NodeName: "test", Server: true, Version: expect.stringMatching(/^1\./) as string },
      Member: { Name: "test", Addr: "127.0.0.1", Status: 1, Tags: { role: "consul", dc: "dc1" } },
    });
    expect(await consul.read("agent/members")).toMatchObject([{ Name: "test", Addr: "127.0.0.1" }]);
    const leader = await consul.read<string>("status/leader");
    expect(leader).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await consul.read("status/peers")).toEqual([leader]);
    expect(await consul.read("catalog/datacenters")).toEqual(["dc1"]);
  });

  test("a fresh one has no services of its own: consul itself stands in the catalog alone", async () => {
    expect(await consul.read("agent/services")).toEqual({});
    expect(await consul.read("agent/checks")).toEqual({});
    expect(await consul.read("catalog/services")).toEqual({ consul: [] });
    expect(await consul.read("health/node/test")).toMatchObject([
      { CheckID: "serfHealth", Status: "passing", Output: "Agent alive and reachable" },
    ]);
  });

  test("a registered service stands, complete, in the agent, the catalog and the health", async () => {
    await registered(consul, {
      ID: "web1",
      Name: "web",
      Tags: ["a", "B"],
      Address: "10.0.0.1",
      Port: 80,
      Meta: { version: "1" },
      Check: { TTL: "1h", Notes: "says so itself" },
    } as { Name: string });
    const tagged = {
      lan_ipv4: { Address: "10.0.0.1", Port: 80 },
      wan_ipv4: { Address: "10.0.0.1", Port: 80 },
    };
    const own = {
      ID: "web1",
      Service: "web",
      Tags: ["a", "B"],
      Meta: { version: "1" },
      Port: 80,
      Address: "10.0.0.1",
      TaggedAddresses: tagged,
      Weights: { Passing: 1, Warning: 1 },
      EnableTagOverride: false,
      Datacenter: "dc1",
    };
    expect(await consul.read("agent/services")).toEqual({ web1: own });
    expect(await consul.read("agent/service/web1")).toEqual({ ...own, ContentHash: expect.any(String) as string });
    expect(await consul.read("catalog/service/web")).toMatchObject([
      {
        Node: "test",
        Address: "127.0.0.1",
        Datacenter: "dc1",
        ServiceID: "web1",
        ServiceName: "web",
        ServiceTags: ["a", "B"],
        ServiceAddress: "10.0.0.1",
        ServicePort: 80,
        ServiceMeta: { version: "1" },
        ServiceTaggedAddresses: tagged,
      },
    ]);
    expect(await consul.read("health/service/web")).toMatchObject([
      {
        Node: { Node: "test", Address: "127.0.0.1" },
        Service: { ID: "web1", Service: "web", Port: 80, Meta: { version: "1" } },
        Checks: [
          { CheckID: "serfHealth", Status: "passing", ServiceID: "" },
          {
            CheckID: "service:web1",
            Name: "Service 'web' check",
            Status: "critical",
            Notes: "says so itself",
            ServiceID: "web1",
            ServiceName: "web",
            ServiceTags: ["a", "B"],
            Type: "ttl",
          },
        ],
      },
    ]);
    expect(await consul.read("catalog/node/test")).toMatchObject({
      Node: { Node: "test" },
      Services: { consul: { Service: "consul" }, web1: { Service: "web" } },
    });
  });

  test("a service can be followed by the hash of what it is", async () => {
    await registered(consul, { Name: "hashed" });
    const { body, headers } = await consul.get("agent/service/hashed");
    const { ContentHash } = body as { ContentHash: string };
    expect(headers.get("x-consul-contenthash")).toBe(ContentHash);
    expect((await consul.get("agent/service/hashed?hash=another&wait=30s")).ms).toBeLessThan(20_000);
    const next = consul.get(`agent/service/hashed?hash=${ContentHash}&wait=60s`);
    const quiet = await consul.get(`agent/service/hashed?hash=${ContentHash}&wait=500ms`);
    expect(quiet.ms).toBeGreaterThanOrEqual(499);
    expect(quiet.body).toEqual(body);
    await consul.register({ Name: "hashed", Port: 9 });
    const changed = (await next).body as { Port: number; ContentHash: string };
    expect(changed.Port).toBe(9);
    expect(changed.ContentHash).not.toBe(ContentHash);
  });

  test("names of fields are read in any case, unknown ones are 400, and so is a service that cannot be", async () => {
    await consul.register({ NAME: "lower", id: "lower-1", port: 7, meta: { a: "b" }, tags: ["t"] });
    expect(await consul.read("agent/service/lower-1")).toMatchObject({ Service: "lower", Port: 7, Tags: ["t"] });
    const refused: [unknown, string | RegExp][] = [
      [{}, "Missing service name"],
      [{ Name: "x", Colour: "red" }, 'Request decode failed: json: unknown field "Colour"'],
      [{ Name: "x", Port: "80" }, /^Request decode failed: json: cannot unmarshal string into /],
      [{ Name: "x", Tags: "a" }, /^Request decode failed: json: cannot unmarshal string into /],
      [{ Name: "x", Address: "0.0.0.0" }, "Invalid service address"],
      [{ Name: "x", Weights: { Passing: 0 } }, /^Invalid Weights: Passing must be greater than 0/],
      [{ Name: "x", Check: { Interval: "10s" } }, /^Invalid check: TTL must be > 0 for TTL checks/],
      [{ Name: "x", Check: { HTTP: "http://localhost" } }, /^Invalid check: Interval must be > 0/],
      [
        { Name: "x", Check: { TTL: "10s", Status: "well" } },
        /^Status for checks must 'passing', 'warning', 'critical'/,
      ],
      [{ Name: "x", Check: { TTL: "soon" } }, /^Request decode failed: .*invalid duration "soon"/],
    ];
    for (const [definition, sentence] of refused) {
      const answer = await consul.put("agent/service/register", definition as object);
      expect(answer.status, JSON.stringify(definition)).toBe(400);
      expect(answer.body).toMatch(sentence);
    }
    for (const text of ["", "{", "[]", '"x"']) {
      expect((await consul.put("agent/service/register", text)).status, text).toBe(400);
    }
    expect((await consul.get("agent/service/x")).status).toBe(404);
  });

  test("metadata: keys of letters, digits, _ and -, at most 64 pairs, values up to 512 characters; tags are free", async () => {
    const pairs = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`key_${at}-X`, "v".repeat(512)]));
    const tags = Array.from({ length: 300 }, (_, at) =>
      `flow.method=/common.Product/Get${at};enable;pub`.padEnd(45, "x"),
    );
    await consul.register({ Name: "described", Meta: pairs(64), Tags: tags });
    expect(await consul.read("agent/service/described")).toMatchObject({ Meta: pairs(64), Tags: tags });
    for (const [Meta, sentence] of [
      [pairs(65), /cannot contain more than 64 key\/value pairs/],
      [{ "a b": "1" }, /Key contains invalid characters/],
      [{ "": "1" }, /Key cannot be blank/],
      [{ a: "v".repeat(513) }, /Value is too long \(limit: 512 characters\)/],
      [{ ["k".repeat(129)]: "1" }, /Key is too long \(limit: 128 characters\)/],
    ] as const) {
      const answer = await consul.put("agent/service/register", { Name: "refused", Meta });
      expect(answer.status).toBe(400);
      expect(answer.body).toMatch(sentence);
    }
    await consul.write("agent/service/deregister/described");
  });

  test("several checks are numbered; those of an earlier registration stay unless they are to be replaced", async () => {
    const ids = async () =>
      Object.entries(await consul.read<Record<string, { ServiceID: string }>>("agent/checks"))
        .filter(([, { ServiceID }]) => ServiceID === "multi")
        .map(([id]) => id);
    const Checks = [{ TTL: "1h" }, { TTL: "1h", CheckID: "mine" }, { TTL: "1h" }];
    await consul.register({ Name: "multi", Checks });
    expect(await ids()).toEqual(["mine", "service:multi:1", "service:multi:3"]);
    await consul.register({ Name: "multi", Check: { TTL: "1h" } });
    expect(await ids()).toEqual(["mine", "service:multi", "service:multi:1", "service:multi:3"]);
    await consul.write("agent/service/register?replace-existing-checks=true", { Name: "multi", Check: { TTL: "1h" } });
    expect(await ids()).toEqual(["service:multi"]);
    await consul.write("agent/service/register?replace-existing-checks", { Name: "multi" });
    expect(await ids()).toEqual([]);
  });

  test("an identical registration wakes nobody, and its check keeps its status", async () => {
    const definition = { Name: "same", Port: 80 };
    await registered(consul, definition);
    await consul.write("agent/check/pass/service:same");
    await consul.settles<{ Checks: { Status: string }[] }[]>(
      "health/service/same?passing",
      (rows) => rows.length === 1,
    );
    await consul.effect(() => registered(consul, definition), {
      sleeps: ["health/service/same", "catalog/service/same", "catalog/services", "catalog/node/test"],
    });
    expect(await consul.read("health/service/same?passing")).toHaveLength(1);
  });

  test("TTL checks are told pass, warn, fail, or all of it at once", async () => {
    await registered(consul, { Name: "told" });
    const check = async () => (await consul.read<Record<string, unknown>>("agent/checks"))["service:told"];
    for (const [path, Status, Output] of [
      ["pass/service:told?note=fine", "passing", "fine"],
      ["warn/service:told?note=hot", "warning", "hot"],
      ["fail/service:told?note=burnt", "critical", "burnt"],
      ["pass/service:told", "passing", ""],
    ] as const) {
      await consul.write(`agent/check/${path}`);
      expect(await check()).toMatchObject({ Status, Output });
    }
    await consul.write("agent/check/update/service:told", { Status: "warning", Output: "x".repeat(5_000) });
    expect(await check()).toMatchObject({
      Status: "warning",
      Output: `${"x".repeat(4_096)} ... (captured 4096 of 5000 bytes)`,
    });
    expect(await consul.put("agent/check/update/service:told", { Status: "so-so" })).toMatchObject({
      status: 400,
      body: "Invalid check status: 'so-so'",
    });
    for (const path of ["pass/unknown", "fail/unknown", "deregister/unknown"]) {
      expect(await consul.put(`agent/check/${path}`)).toMatchObject({
        status: 404,
        body: 'Unknown check ID "unknown". Ensure that the check ID is passed, not the check name.',
      });
    }
  });

  test("a check of its own belongs to the node, or to the service that it names", async () => {
    await registered(consul, { Name: "host" });
    await consul.write("agent/check/register", { ID: "disk", Name: "Disk", TTL: "1h", Status: "passing", Notes: "n" });
    await consul.write("agent/check/register", { Name: "extra", TTL: "1h", ServiceID: "host" });
    await consul.settles<Rows>("health/node/test", (rows) => rows.some(({ CheckID }) => CheckID === "disk"));
    expect(await consul.read("agent/checks")).toMatchObject({
      disk: { Name: "Disk", Status: "passing", Notes: "n", ServiceID: "", Type: "ttl" },
      extra: { ServiceID: "host", ServiceName: "host", Status: "critical" },
    });
    // Every service of a node has the node's checks.
    expect(await consul.read("health/service/host")).toMatchObject([
      { Checks: [{ CheckID: "disk" }, { CheckID: "serfHealth" }, { CheckID: "extra" }, { CheckID: "service:host" }] },
    ]);
    expect(await consul.put("agent/check/register", { Name: "lost", TTL: "1h", ServiceID: "none" })).toMatchObject({
      status: 404,
      body: 'ServiceID "none" does not exist',
    });
    expect(await consul.put("agent/check/register", { TTL: "1h" })).toMatchObject({
      status: 400,
      body: "Missing check name",
    });
    await consul.write("agent/check/deregister/disk");
    await consul.settles<Rows>("health/node/test", (rows) => rows.every(({ CheckID }) => CheckID !== "disk"));
  });

  test("scripts are off by default", async () => {
    const answer = await consul.put("agent/check/register", { Name: "script", Args: ["true"], Interval: "10s" });
    expect(answer.status).toBe(500);
    expect(answer.body).toMatch(/^Scripts are disabled on this agent/);
  });

  test("maintenance adds a critical check to a service or to the node, and takes it away again", async () => {
    await registered(consul, { Name: "maintained", Check: { TTL: "1h", Status: "passing" } } as { Name: string });
    await consul.write("agent/service/maintenance/maintained?enable=true&reason=spring+cleaning");
    expect(await consul.read("agent/checks")).toMatchObject({
      "_service_maintenance:maintained": {
        Status: "critical",
        Name: "Service Maintenance Mode",
        Notes: "spring cleaning",
        ServiceID: "maintained",
        Type: "maintenance",
      },
    });
    await consul.settles<Rows>("health/service/maintained?passing", (rows) => rows.length === 0);
    expect((await consul.get("agent/health/service/id/maintained")).headers.get("x-consul-reason")).toBe("maintenance");
    await consul.write("agent/service/maintenance/maintained?enable=false");
    await consul.settles<Rows>("health/service/maintained?passing", (rows) => rows.length === 1);

    await consul.write("agent/maintenance?enable=true");
    await consul.settles<Rows>("health/service/maintained?passing", (rows) => rows.length === 0);
    await consul.write("agent/maintenance?enable=false");
    await consul.settles<Rows>("health/service/maintained?passing", (rows) => rows.length === 1);

    expect(await consul.put("agent/service/maintenance/maintained")).toMatchObject({
      status: 400,
      body: "Missing value for enable",
    });
    expect((await consul.put("agent/service/maintenance/maintained?enable=perhaps")).status).toBe(400);
    expect((await consul.put("agent/service/maintenance/none?enable=true")).status).toBe(404);
  });

  test("the health of its own services is told by the status: 200, 429, 503, 404", async () => {
    await registered(consul, { Name: "asked", ID: "asked-1" });
    for (const [verb, status, reason] of [
      ["pass", 200, "passing"],
      ["warn", 429, "warning"],
      ["fail", 503, "critical"],
    ] as const) {
      await consul.write(`agent/check/${verb}/service:asked-1`);
      for (const path of ["id/asked-1", "name/asked"]) {
        const answer = await consul.get(`agent/health/service/${path}`);
        expect(answer.status).toBe(status);
        expect(answer.headers.get("x-consul-reason")).toBe(reason);
        expect([answer.body].flat()).toMatchObject([
          { AggregatedStatus: reason, Service: { ID: "asked-1" }, Checks: [{ CheckID: "service:asked-1" }] },
        ]);
        expect(await consul.get(`agent/health/service/${path}?format=text`)).toMatchObject({ status, body: reason });
      }
    }
    for (const path of ["id/none", "name/none"])
      expect((await consul.get(`agent/health/service/${path}`)).status).toBe(404);
  });

  test("a service that leaves takes its checks along; one that is not there is 404", async () => {
    await registered(consul, { Name: "leaver" });
    await consul.write("agent/service/deregister/leaver");
    await consul.settles<Rows>("health/service/leaver", (rows) => rows.length === 0);
    expect(await consul.read("agent/checks")).not.toHaveProperty("service:leaver");
    expect(await consul.read("catalog/service/leaver")).toEqual([]);
    expect(await consul.put("agent/service/deregister/leaver")).toMatchObject({
      status: 404,
      body: 'Unknown service ID "leaver". Ensure that the service ID is passed, not the service name.',
    });
  });

  test("namespaces and partitions are 400; what an endpoint does not read it does not check", async () => {
    for (const [name, what] of [
      ["ns", "Namespaces are"],
      ["partition", "Partitions are"],
    ]) {
      expect(await consul.get(`agent/services?${name}=x`)).toMatchObject({
        status: 400,
        body: `Invalid query parameter: "${name}" - ${what} a Consul Enterprise feature`,
      });
    }
    expect((await consul.get("agent/self?ns=x")).status).toBe(200);
    expect((await consul.get("agent/services?dc=elsewhere&index=abc&stale&consistent")).status).toBe(200);
    expect((await consul.put("agent/service/register?dc=elsewhere", { Name: "anyway" })).status).toBe(200);
  });

  test("an event reaches who follows its name, and its index is a hash of 64 bits", async () => {
    const none = await consul.get("event/list");
    expect(none).toMatchObject({ status: 200, body: [], index: "1" });
    const { next } = await consul.follow("event/list?name=deploy");
    expect(await consul.write("event/fire/deploy", "now")).toMatchObject({
      Name: "deploy",
      Payload: Buffer.from("now").toString("base64"),
      NodeFilter: "",
      ServiceFilter: "",
      TagFilter: "",
      Version: 1,
      LTime: 0,
    });
    const { body, index } = await next;
    expect(body).toMatchObject([{ Name: "deploy", Payload: "bm93" }]);
    expect(BigInt(index)).toBeGreaterThan(1n);
    await consul.effect(() => consul.write("event/fire/other?node=nowhere"), {
      sleeps: ["event/list", "event/list?name=deploy"],
    });
    expect(await consul.read("event/list")).toMatchObject([{ Name: "deploy" }]);
    expect(await consul.put("event/fire/")).toMatchObject({ status: 400, body: "Missing name" });
    expect((await consul.put("event/fire/x?tag=t")).status).toBe(500);
    expect((await consul.put("event/fire/x?node=(")).status).toBe(500);
    expect(await consul.put("event/fire/large", Buffer.alloc(600))).toMatchObject({
      status: 500,
      body: expect.stringContaining("exceeds configured limit of 512 bytes") as string,
    });
  });

  test.runIf(kind === "embedded")("what it does not offer is 501 with a sentence, never a false success", async () => {
    for (const [method, path] of [
      ["GET", "acl/tokens"],
      ["PUT", "acl/bootstrap"],
      ["GET", "connect/ca/roots"],
      ["PUT", "config"],
      ["GET", "operator/raft/configuration"],
      ["PUT", "snapshot"],
      ["PUT", "query"],
      ["GET", "coordinate/nodes"],
      ["GET", "nothing"],
    ] as const) {
      const answer = await consul.send(method, path);
      expect(answer.status, path).toBe(501);
      expect(answer.body).toBe(
        `The embedded Consul agent of flow does not implement /v1/${path}. Run a real Consul agent for it: flow run --consul real`,
      );
    }
    for (const definition of [
      { Name: "mesh", Kind: "connect-proxy", Port: 1 },
      { Name: "mesh", Connect: { Native: true } },
      { Name: "udp", Check: { UDP: "127.0.0.1:1", Interval: "1s" } },
      { Name: "alias", Check: { AliasService: "web" } },
    ]) {
      expect((await consul.put("agent/service/register", definition)).status).toBe(501);
    }
    expect(await consul.read("agent/services")).not.toHaveProperty("mesh");
  });
});
