import { describe, expect, it } from "vitest";
import { findMethod, parseMethodName } from "../../../src/codegen/index.ts";
import type { IndexedMethod } from "../../../src/codegen/index.ts";

const method = (path: string, service: string): IndexedMethod => ({
  path,
  service,
  kind: "unary",
  repository: "shop",
  implementation: "",
  serviceClass: "",
  proto: { file: "", line: 1 },
  webapi: undefined,
});

const methods = [
  method("/common.Product/Get", "product"),
  method("/common.Product/Search", "product"),
  method("/trade.v1.Order/Get", "order"),
  method("/old.Order/Get", "old-order"),
];

describe("findMethod", () => {
  it.each([
    "/common.Product/Get",
    "common.Product/Get",
    "Product.Get",
    "product.Get",
    "product/get",
    "common.Product.Get",
  ])("takes %s for /common.Product/Get", (name) => {
    expect(findMethod(methods, name).path).toBe("/common.Product/Get");
  });

  it("takes a service's name in Consul", () => {
    expect(findMethod(methods, "old-order.Get").path).toBe("/old.Order/Get");
  });

  it("asks back when a short name could be two", () => {
    expect(() => findMethod([method("/a.Order/Get", "x"), method("/b.Order/Get", "y")], "Order.Get")).toThrow(
      "could be /a.Order/Get or /b.Order/Get",
    );
  });

  it("suggests the nearest name", () => {
    expect(() => findMethod(methods, "/common.Product/Gte")).toThrow(
      expect.objectContaining({ code: "FLOW_METHOD_UNKNOWN", hint: "did you mean /common.Product/Get?" }),
    );
  });

  it.each(["", "Get", "/", "product/", "product/Get/more"])("refuses %j as a method's name", (name) => {
    expect(() => parseMethodName(name)).toThrow(expect.objectContaining({ code: "FLOW_USAGE" }));
  });
});
