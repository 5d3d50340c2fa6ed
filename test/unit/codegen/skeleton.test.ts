import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { newRpc, newService } from "../../../src/codegen/skeleton/index.ts";
import { checkoutTools, thingRepository, writeFiles } from "../../support/codegen-repository.ts";
import { testContext } from "../../support/context.ts";
import { directoryState } from "../../support/directory-state.ts";
import { tempDirectory } from "../../support/temp.ts";

async function makeRepository(files: Readonly<Record<string, string>> = {}) {
  const dir = await tempDirectory("flow-skeleton");
  await writeFiles(dir, { ...thingRepository, ...files });
  const ctx = testContext(dir);
  const read = (path: string) => readFile(join(dir, path), "utf8");
  const relative = (paths: readonly string[]) => paths.map((path) => path.slice(dir.length + 1));
  return {
    dir,
    read,
    rpc: async (name: string, dryRun = false) => {
      const options = { name, tools: checkoutTools, dryRun };
      const { created, changed, manual } = await newRpc(ctx, { repository: dir }, options);
      return { created: relative(created), changed: relative(changed), manual };
    },
    service: (name: string, protoPackage?: string, dryRun = false) =>
      newService(ctx, { repository: dir }, { name, package: protoPackage, tools: checkoutTools, dryRun }),
  };
}

const thingClass = `import { Service, type Server } from "goflow/runtime";
import { registerThing } from "@acme/things/rpc/common";

export class ThingService extends Service {
  override register(server: Server) { registerThing(server, this); }
}
`;

describe("a dry run", () => {
  it("tells what laying out would create and change, and writes nothing", async () => {
    const { dir, rpc, service } = await makeRepository({ "service/thing/thing.ts": thingClass });
    const sources = () => directoryState(dir, (path) => path.startsWith(".flow"));
    const before = await sources();
    const plans = [await rpc("thing.Get", true), await rpc("thing.Rename", true)];
    const planned = await service("basket", undefined, true);
    expect(await sources()).toEqual(before);
    for (const [index, name] of ["thing.Get", "thing.Rename"].entries()) {
      const done = await rpc(name);
      expect({ ...done, changed: done.changed.sort() }).toEqual({
        ...plans[index],
        changed: plans[index]?.changed.sort(),
      });
    }
    expect(await service("basket")).toEqual(planned);
  });
});

describe("newRpc", () => {
  it("gives an RPC that the proto has already its folder and its method alone", async () => {
    const { rpc, read } = await makeRepository({ "service/thing/thing.ts": thingClass });
    const proto = await read("proto/common/thing.proto");
    expect(await rpc("thing.Get")).toEqual({
      created: ["service/thing/internal/thing_get/thing_get.ts"],
      changed: ["service/thing/thing.ts"],
      manual: [],
    });
    expect(await read("proto/common/thing.proto")).toBe(proto);
    expect(await read("service/thing/internal/thing_get/thing_get.ts")).toMatch(
      /^\/\/ Implements \/common\.Thing\/Get\. Yours to edit\.\n/,
    );
    expect(await rpc("thing.Get")).toEqual({ created: [], changed: [], manual: [] });
  });

  it("never touches an implementation that is there", async () => {
    const path = "service/thing/internal/thing_get/thing_get.ts";
    const { rpc, read } = await makeRepository({
      "service/thing/thing.ts": thingClass,
      [path]: "export const mine = 1;\n",
    });
    await rpc("thing.Get");
    expect(await read(path)).toBe("export const mine = 1;\n");
  });

  it("declares a new RPC with the messages it lacks", async () => {
    const { rpc, read, dir } = await makeRepository();
    const proto = await read("proto/common/thing.proto");
    await writeFile(join(dir, "proto/common/thing.proto"), `${proto}message ThingDropResp {}\n`);
    const { changed } = await rpc("/common.Thing/Drop");
    expect(changed).toEqual(["proto/common/thing.proto"]);
    const after = await read("proto/common/thing.proto");
    expect(after).toContain("\n  rpc Drop(ThingDrop) returns (ThingDropResp);\n}\n");
    expect(after.match(/message ThingDropResp/g)).toHaveLength(1);
    expect(after.match(/message ThingDrop /g)).toHaveLength(1);
  });

  it("writes streams as streams", async () => {
    const { rpc, read, dir } = await makeRepository();
    const proto = await read("proto/common/thing.proto");
    const rpcs =
      "  rpc Up(stream ThingGet) returns (ThingGetResp);\n  rpc Down(ThingGet) returns (stream ThingGetResp);\n";
    await writeFile(
      join(dir, "proto/common/thing.proto"),
      proto.replace("service Thing {\n", `service Thing {\n${rpcs}`),
    );
    await rpc("thing.Up");
    await rpc("thing.Down");
    expect(await read("service/thing/internal/thing_up/thing_up.ts")).toContain("requests: AsyncIterable<ThingGet>");
    expect(await read("service/thing/internal/thing_down/thing_down.ts")).toContain(
      "export async function* thingDown(",
    );
    const service = await read("service/thing/thing.ts");
    expect(service).toContain("    return await thingUp(ctx, requests);\n");
    expect(service).toContain("  down(ctx: Context, request: ThingGet) {\n    return thingDown(ctx, request);\n");
  });

  it("says what to add by hand where it finds no class that registers the service", async () => {
    const { rpc, read } = await makeRepository({ "service/thing/thing.ts": "export {};\n" });
    const { manual } = await rpc("thing.Get");
    expect(manual).toMatchObject([{ add: expect.stringContaining("return await thingGet(ctx, request);") as string }]);
    expect(await read("service/thing/thing.ts")).toBe("export {};\n");
  });

  it("refuses names that a service class has a use for, and names that are none", async () => {
    const { rpc } = await makeRepository();
    await expect(rpc("thing.Register")).rejects.toMatchObject({ code: "FLOW_SCAFFOLD_REFUSED" });
    await expect(rpc("thing.drop")).rejects.toMatchObject({ code: "FLOW_USAGE" });
    await expect(rpc("Drop")).rejects.toMatchObject({ code: "FLOW_USAGE" });
  });

  it("suggests the service that was meant", async () => {
    const { rpc } = await makeRepository();
    await expect(rpc("/common.Think/Get")).rejects.toMatchObject({
      code: "FLOW_METHOD_UNKNOWN",
      hint: "did you mean common.Thing?",
    });
  });
});

describe("newService", () => {
  it("lays out proto, class, first RPC and the entry in flow.yaml", async () => {
    const { service, read } = await makeRepository();
    await service("stock-keeper", "trade.v1");
    expect(await read("proto/trade/v1/stock_keeper.proto")).toContain("package trade.v1;");
    expect(await read("flow.yaml")).toContain(
      "  stock-keeper:\n    description: stock-keeper service\n    entry: service/stock-keeper/stock-keeper.ts\n",
    );
    const text = await read("service/stock-keeper/stock-keeper.ts");
    expect(text).toContain('from "@acme/things/rpc/trade/v1"');
    expect(text).toContain("if (import.meta.main) await serve(new StockKeeperService());");
    expect(await read("service/stock-keeper/internal/stock_keeper_get/stock_keeper_get.ts")).toContain(
      "// Implements /trade.v1.StockKeeper/Get. Yours to edit.",
    );
  });

  it("writes the name into the proto when it cannot be told from the proto service", async () => {
    const { service, read } = await makeRepository();
    await service("route-66");
    expect(await read("proto/common/route_66.proto")).toContain('option (flow.service) = "route-66";');
    expect(await read("service/route-66/route-66.ts")).toContain("registerRoute66(server, this)");
  });

  it("refuses a name that is taken or impossible, and writes nothing", async () => {
    const { service } = await makeRepository();
    await expect(service("thing")).rejects.toMatchObject({ code: "FLOW_SCAFFOLD_EXISTS" });
    await expect(service("Thing Two")).rejects.toMatchObject({ code: "FLOW_USAGE" });
    await expect(service("other", "Bad.Package")).rejects.toMatchObject({ code: "FLOW_USAGE" });
  });
});
