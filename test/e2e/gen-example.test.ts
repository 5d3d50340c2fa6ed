import { execa } from "execa";
import getPort from "get-port";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { generate } from "../../src/codegen/index.ts";
import type { Workspace } from "../../src/config/index.ts";
import { chooseConsul, consulAgent, waitForConsul } from "../../src/consul/index.ts";
import { poll } from "../../src/core/retry.ts";
import { writeFiles } from "../support/codegen-repository.ts";
import { makeExampleWorkspace } from "../support/codegen-workspace.ts";
import { checkoutRoot, testContext } from "../support/context.ts";
import { flow } from "../support/flow.ts";
import { startLanguageServer } from "../support/language-server.ts";

let home: string;
let workspace: Workspace;
let shop: string;

beforeAll(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), "flow-example-")));
  ({ workspace, shop } = await makeExampleWorkspace(home));
  const { missing, obsolete } = await generate(testContext(shop), { workspace });
  expect({ missing, obsolete }).toEqual({ missing: [], obsolete: [] });
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true, maxRetries: 3 });
});

/** Type errors of a repository as the compiler prints them. */
async function typeErrors(dir: string): Promise<string> {
  const { stdout } = await execa(process.execPath, [join(checkoutRoot, "node_modules/typescript/bin/tsc"), "-p", dir], {
    cwd: dir,
    reject: false,
  });
  return stdout;
}

interface Started {
  address: string;
  /** Everything it has written. */
  log(): string;
  stop(): Promise<void>;
}

/** Starts a program of the example as `flow run` does, and waits until its port answers. */
async function start(argv: readonly string[], env: Record<string, string>): Promise<Started> {
  const port = await getPort();
  const [file = "", ...args] = argv;
  let log = "";
  const child = spawn(file, args, {
    cwd: shop,
    env: {
      PATH: process.env.PATH ?? "",
      FLOW_PORT: String(port),
      PORT: String(port),
      FLOW_LOG_FORMAT: "text",
      FLOW_DATA_DIR: join(home, ".flow/data", env.FLOW_SERVICE ?? "service"),
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => void (log += chunk.toString()));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
  };
  onTestFinished(stop);
  const address = `127.0.0.1:${port}`;
  const up = await poll(
    async () =>
      child.exitCode === null &&
      (await fetch(`http://${address}/`).then(
        () => true,
        () => false,
      )),
    { timeoutMs: 20_000 },
  );
  if (up !== true) throw new Error(`${argv.join(" ")} did not come up:\n${log}`);
  return { address, log: () => log, stop };
}

const startService = (name: string, env: Record<string, string> = {}) =>
  start([process.execPath, `service/${name}/${name}.ts`], { FLOW_SERVICE: name, ...env });

async function post(
  address: string,
  method: string,
  body: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`http://${address}/api/${method}`, {
    method: "POST",
    // A kept connection would hold up the stop of the service.
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe("the example", () => {
  it("type-checks as it is laid out", async () => {
    expect(await typeErrors(shop)).toBe("");
  });

  it("passes the lint rules that flow brings for its style", async () => {
    const { exitCode, stdout } = await execa(join(workspace.paths.bin, "buf"), ["lint"], {
      cwd: join(workspace.paths.gen, "tree"),
      reject: false,
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
  });

  it("answers at once, out of SQLite, with a package of npm and a patched one of git", async () => {
    const product = await startService("product");
    expect(await post(product.address, "common.Product/Get", { id: "012348" })).toEqual({
      status: 200,
      body: {
        product: {
          id: "012348",
          name: "Matcha whisk",
          price: 1980,
          currency: "JPY",
          stock: 1,
          status: "PRODUCT_STATUS_ON_SALE",
        },
        // Without the patch in the mirror it would be 19.80 JPY.
        priceText: "1980 JPY",
      },
    });
    const { body } = await post(product.address, "common.Product/Search", { text: "co", limit: 1 });
    expect(body.products).toMatchObject([{ name: "Coffee grinder" }]);

    const order = await startService("order", { FLOW_TARGET_PRODUCT: product.address });
    const created = await post(order.address, "trade.Order/Create", { productId: "012346", quantity: 2 });
    expect(created.body.order).toMatchObject({ productName: "Coffee grinder", quantity: 2, total: "178.00 EUR" });
    const { id } = created.body.order as { id: string };
    await order.stop();
    const restarted = await startService("order", { FLOW_TARGET_PRODUCT: product.address });
    expect((await post(restarted.address, "trade.Order/Get", { id })).body).toEqual(created.body);
    expect((await post(product.address, "common.Product/Get", { id: "012346" })).body.product).toMatchObject({
      stock: 1,
    });
  });

  it("shows an error of product in order's log: one stack across both, with the fields that were set", async () => {
    const product = await startService("product");
    const order = await startService("order", { FLOW_TARGET_PRODUCT: product.address });
    const unknown = await post(order.address, "trade.Order/Create", { productId: "no-such" });
    expect(unknown).toMatchObject({ status: 404, body: { message: "product not found" } });
    const soldOut = await post(order.address, "trade.Order/Create", { productId: "012345", quantity: 10_000 });
    expect(soldOut).toMatchObject({ body: { status: "FAILED_PRECONDITION" } });

    const line = (reason: string) =>
      order
        .log()
        .split("\n")
        .find((text) => text.includes(`reason=${reason}`)) ?? "";
    expect(await poll(() => line("OUT_OF_STOCK") !== "", { timeoutMs: 5_000 })).toBe(true);
    for (const [reason, productId] of [
      ["PRODUCT_NOT_FOUND", "no-such"],
      ["OUT_OF_STOCK", "012345"],
    ] as const) {
      expect(line(reason)).toContain("method=/trade.Order/Create");
      expect(line(reason)).toContain(`productId=${productId}`);
      expect(line(reason)).toMatch(/stack=.*orderCreate:\d+;.*productUpdate:\d+;/);
    }
  });

  it.each(["python3 service/stock-report/stock_report.py", "perl service/stock-report/stock_report.pl"])(
    "reports low stock in another language, finding product through Consul: %s",
    async (command) => {
      const ctx = testContext(home);
      const agent = await consulAgent(
        ctx,
        (await chooseConsul(ctx, { preference: "embedded" })) as { kind: "embedded" },
        {
          httpPort: await getPort(),
          dataDir: join(home, ".flow/consul"),
          nodeName: "test",
          datacenter: "dc1",
        },
      );
      const [program = "", ...args] = agent.argv;
      const consul = spawn(program, args, { stdio: "ignore" });
      onTestFinished(() => void consul.kill());
      await waitForConsul(ctx, agent.address, { timeoutMs: 20_000 });

      // The scaffold lays out one of the two; both have to work.
      const file = command.split(" ")[1] ?? "";
      const template = join(checkoutRoot, "templates/shop/repository", file);
      await writeFiles(shop, { [file]: await readFile(template, "utf8") });
      const report = await start(command.split(" "), { FLOW_CONSUL_ADDR: agent.address });
      expect((await fetch(`http://${report.address}/healthz`)).status).toBe(200);
      expect((await fetch(`http://${report.address}/`)).status).toBe(503);

      await startService("product", { FLOW_CONSUL_ADDR: agent.address });
      const answer = await poll(
        async () => {
          const response = await fetch(`http://${report.address}/?below=2`);
          return response.ok ? ((await response.json()) as { products: object[] }) : undefined;
        },
        { timeoutMs: 10_000 },
      );
      expect(answer?.products).toContainEqual({ id: "012348", name: "Matcha whisk", stock: 1 });
      expect((await fetch(`http://${report.address}/?below=x`)).status).toBe(400);
    },
  );

  it("opens the implementation at Go to Definition, and shows the proto's comment and options", async () => {
    const server = await startLanguageServer(shop);
    onTestFinished(server.stop);
    const caller = join(shop, "service/order/internal/order_create/order_create.ts");
    expect(await server.definitions(caller, "getProduct().update")).toEqual([
      { path: join(shop, "service/product/internal/product_update/product_update.ts"), line: 1 },
    ]);
    expect(await server.definitions(caller, "await getProduct")).toEqual([
      { path: join(shop, "service/product/product.ts"), line: 1 },
    ]);
    const hover = await server.hover(caller, "getProduct().update");
    expect(hover).toContain("Taking more out of the stock than there is fails");
    expect(hover).toContain("POST /api/common.Product/Update");
  });

  it("says where an RPC lies", async () => {
    const shown = await flow(["where", "product.Get"], { cwd: shop });
    expect(shown).toMatchObject({
      exitCode: 0,
      stdout: "service/product/internal/product_get/product_get.ts\nproto/common/product.proto:11",
    });
    const json = JSON.parse((await flow(["where", "/trade.Order/Create", "--json"], { cwd: home })).stdout) as object;
    expect(json).toMatchObject({
      method: "/trade.Order/Create",
      service: "order",
      implementation: { file: join(shop, "service/order/internal/order_create/order_create.ts"), exists: true },
      proto: { file: join(shop, "proto/trade/order.proto"), line: 10 },
    });
    expect(await flow(["where", "product.Gett"], { cwd: shop })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("did you mean /common.Product/Get?") as string,
    });
  });
});

describe("working on the example", () => {
  it("lays out a new RPC and a new service that type-check, and a further run changes nothing", async () => {
    const before = await readFile(join(shop, "service/product/internal/product_get/product_get.ts"), "utf8");
    const rpc = await flow(["new", "rpc", "/common.Product/Rename"], { cwd: shop });
    expect(rpc.stdout).toBe(
      [
        "created  service/product/internal/product_rename/product_rename.ts",
        "changed  proto/common/product.proto",
        "changed  service/product/product.ts",
      ].join("\n"),
    );
    const service = await flow(["new", "service", "gift-card", "--package", "trade"], { cwd: shop });
    expect(service).toMatchObject({ exitCode: 0 });
    expect(await typeErrors(shop)).toBe("");
    expect(await readFile(join(shop, "service/product/internal/product_get/product_get.ts"), "utf8")).toBe(before);

    const again = await flow(["new", "rpc", "product.Rename"], { cwd: shop });
    expect(again.stdout).toBe("Everything is there already.");
    expect(await flow(["new", "service", "gift-card"], { cwd: shop })).toMatchObject({ exitCode: 4 });

    const giftCard = await startService("gift-card");
    expect(await post(giftCard.address, "trade.GiftCard/Get", {})).toMatchObject({ status: 401 });
  });

  it("gives a type error where an implementation no longer fits its proto", async () => {
    const proto = join(shop, "proto/trade/order.proto");
    const text = await readFile(proto, "utf8");
    onTestFinished(() => writeFile(proto, text));
    await writeFile(proto, text.replace("int32 quantity = 4;", "string quantity = 4;"));
    await generate(testContext(shop), { workspace });
    expect(await typeErrors(shop)).toContain("service/order/order.ts");
  });

  it("generates code that Node runs and the compiler accepts for enums, oneofs, maps, bytes and nested messages", async () => {
    const proto = [
      'syntax = "proto3";',
      "package shapes;",
      'import "google/protobuf/timestamp.proto";',
      "enum Colour { COLOUR_UNSPECIFIED = 0; COLOUR_RED = 1; }",
      "message Shape {",
      "  message Corner { double x = 1; double y = 2; }",
      "  oneof kind { string circle = 1; Corner square = 2; }",
      "  map<string, Corner> corners = 3;",
      "  bytes picture = 4;",
      "  optional Colour colour = 5;",
      "  int64 area = 6;",
      "  google.protobuf.Timestamp made = 7;",
      "  // A name that JavaScript has another use for.",
      "  string constructor = 8;",
      "}",
    ].join("\n");
    const use = [
      'import { create, fromJson, toJson } from "@bufbuild/protobuf";',
      'import { Colour, ShapeSchema } from "@acme/shop/rpc/shapes";',
      'const shape = create(ShapeSchema, { kind: { case: "square", value: { x: 1, y: 2 } }, colour: Colour.RED,',
      "  corners: { a: { x: 3 } }, picture: new Uint8Array([1, 2]), area: 2n ** 60n });",
      "const json = toJson(ShapeSchema, shape);",
      "console.log(JSON.stringify(toJson(ShapeSchema, fromJson(ShapeSchema, json))));",
    ].join("\n");
    await writeFiles(shop, { "proto/shapes/shape.proto": proto, "test/shape.ts": use });
    await generate(testContext(shop), { workspace });
    expect(await typeErrors(shop)).toBe("");
    const { stdout } = await execa(process.execPath, ["test/shape.ts"], { cwd: shop });
    expect(JSON.parse(stdout)).toEqual({
      square: { x: 1, y: 2 },
      corners: { a: { x: 3 } },
      picture: "AQI=",
      colour: "COLOUR_RED",
      area: "1152921504606846976",
    });
  });
});
