import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { generate, locateMethod } from "../../../src/codegen/index.ts";
import { newRpc } from "../../../src/codegen/skeleton/index.ts";
import { loadWorkspaceAt } from "../../../src/config/index.ts";
import { checkoutTools, thingRepository, writeFiles } from "../../support/codegen-repository.ts";
import { testContext } from "../../support/context.ts";
import { tempDirectory } from "../../support/temp.ts";

const boxProto = [
  'syntax = "proto3";',
  "package trade;",
  'import "common/thing.proto";',
  'import "google/rpc/status.proto";',
  "service Box {",
  "  rpc Put(common.ThingGet) returns (BoxPutResp);",
  "}",
  "message BoxPutResp {",
  "  common.ThingGetResp thing = 1;",
  "  google.rpc.Status status = 2;",
  "}",
  "",
].join("\n");

const boxes: Readonly<Record<string, string>> = {
  "flow.yaml": "name: boxes\n",
  "package.json": '{ "name": "@acme/boxes", "type": "module" }\n',
  "proto/trade/box.proto": boxProto,
};

/** A workspace with the repositories things and boxes; boxes imports a proto of things. */
async function makeWorkspace(overrides: Readonly<Record<string, string>> = {}) {
  const home = await tempDirectory("flow-workspace");
  const source = join(home, "src/example.com/acme");
  await writeFiles(home, {
    "flow.yaml":
      "organization: acme\nmodule: example.com/acme\nmirror: {url: ./mirror.git}\nrepositories: {things: {}, boxes: {}}\n",
  });
  await writeFiles(join(source, "things"), thingRepository);
  await writeFiles(join(source, "boxes"), { ...boxes, ...overrides });
  return { home, source, workspace: await loadWorkspaceAt(home, {}), ctx: testContext(home) };
}

describe("generate for a workspace", () => {
  it("lets a repository import another one's protos, and its code that one's package", async () => {
    const { source, workspace, ctx } = await makeWorkspace();
    await generate(ctx, { workspace }, { tools: checkoutTools });
    const messages = await readFile(join(source, "boxes/rpc/trade/box_pb.ts"), "utf8");
    expect(messages).toContain('from "@acme/things/rpc/common"');
    expect(messages).toContain('from "goflow/proto/google/rpc/status_pb"');
    const client = await readFile(join(source, "boxes/rpc/trade/box_flow.d.ts"), "utf8");
    expect(client).toMatch(/import type \{ ThingGet, ThingGetSchema \} from "@acme\/things\/rpc\/common"/);
    await expect(readFile(join(source, "boxes/rpc/common/thing_pb.ts"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("refuses protos of one path in two repositories, naming both", async () => {
    const { source, workspace, ctx } = await makeWorkspace({
      "proto/common/thing.proto": 'syntax = "proto3";\npackage common;\n',
    });
    await expect(generate(ctx, { workspace }, { tools: checkoutTools })).rejects.toMatchObject({
      code: "FLOW_PROTO_INVALID",
      message: `${source}/boxes/proto/common/thing.proto: ${source}/things/proto/common/thing.proto has the same import path`,
    });
  });

  it("asks for the name of a package that others import", async () => {
    const { source, workspace, ctx } = await makeWorkspace();
    await writeFile(join(source, "things/package.json"), "{}\n");
    await expect(generate(ctx, { workspace }, { tools: checkoutTools })).rejects.toMatchObject({
      message: expect.stringContaining("package.json has no name") as string,
    });
  });

  it("forgets a repository that left", async () => {
    const { home, source, workspace, ctx } = await makeWorkspace();
    await generate(ctx, { workspace }, { tools: checkoutTools });
    await rm(join(source, "boxes"), { recursive: true });
    expect((await generate(ctx, { workspace }, { tools: checkoutTools })).methods.map(({ path }) => path)).toEqual([
      "/common.Thing/Get",
    ]);
    expect(await readFile(join(home, ".flow/gen/tree/buf.yaml"), "utf8")).not.toContain("boxes");
  });

  it("takes tools from the workspace's bin alone", async () => {
    const { home, workspace, ctx } = await makeWorkspace();
    await expect(generate(ctx, { workspace })).rejects.toMatchObject({
      code: "FLOW_GEN_TOOL_MISSING",
      hint: "flow tool install buf",
    });
    await mkdir(join(home, "bin"));
    await symlink(checkoutTools.buf[0], join(home, "bin/buf"));
    await expect(generate(ctx, { workspace })).rejects.toMatchObject({ hint: "flow tool install protoc-gen-es" });
  });
});

describe("code paths in a workspace", () => {
  it("are found before any code was generated, and after a proto changed", async () => {
    const { source, workspace, ctx } = await makeWorkspace();
    const locate = (name: string) => locateMethod(ctx, { workspace }, { name, tools: checkoutTools });
    expect(await locate("Box.Put")).toMatchObject({
      repository: "boxes",
      implementation: { file: join(source, "boxes/service/box/internal/box_put/box_put.ts"), exists: false },
      proto: { file: join(source, "boxes/proto/trade/box.proto"), line: 6 },
    });
    await writeFile(join(source, "boxes/proto/trade/box.proto"), `// a line more\n${boxProto}`);
    expect((await locate("Box.Put")).proto.line).toBe(7);
  });

  it("are laid out for an RPC whose messages another repository has", async () => {
    const { source, workspace, ctx } = await makeWorkspace();
    const result = await newRpc(ctx, { workspace }, { name: "/trade.Box/Put", tools: checkoutTools });
    expect(result.changed).toEqual([join(source, "boxes/flow.yaml")]);
    const code = await readFile(join(source, "boxes/service/box/internal/box_put/box_put.ts"), "utf8");
    expect(code).toContain('import type { ThingGet } from "@acme/things/rpc/common";');
    expect(code).toContain('import type { BoxPutRespSchema } from "@acme/boxes/rpc/trade";');
  });
});
