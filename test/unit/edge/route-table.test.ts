import { describe, expect, it } from "vitest";
import { buildRoutes, findRoute } from "../../../src/edge/route-table.ts";

const get = "flow.method=/common.Product/Get;enable;public";

function table(services: Record<string, string[]>) {
  return buildRoutes(new Map(Object.entries(services)));
}

describe("the route table", () => {
  it("finds an enabled method below /api/ and nothing beside it", () => {
    const routes = table({ product: [get, "flow.method=/common.Product/Update"] });
    expect(findRoute(routes, "/api/common.Product/Get")).toMatchObject({ service: "product", public: true });
    expect(findRoute(routes, "/api/common.Product/Update")).toBeUndefined();
    expect(findRoute(routes, "/api/common.Product/Get/")).toBeUndefined();
    expect(findRoute(routes, "/common.Product/Get")).toBeUndefined();
  });

  it("refuses a method that two services claim, whichever came first, and names both", () => {
    const one = table({ product: [get], copy: [get] });
    const other = table({ copy: [get], product: [get] });
    expect(one.conflicts).toEqual([{ kind: "conflict", claim: "/common.Product/Get", services: ["copy", "product"] }]);
    expect(other.conflicts).toEqual(one.conflicts);
    expect(findRoute(one, "/api/common.Product/Get")).toMatchObject({ kind: "conflict" });
  });

  it("sends a path to its longest prefix, at whole segments", () => {
    const routes = table({ site: ["flow.http=/"], hello: ["flow.http=/hello"], deep: ["flow.http=/hello/deep"] });
    expect(findRoute(routes, "/hello")).toMatchObject({ service: "hello" });
    expect(findRoute(routes, "/hello/x")).toMatchObject({ service: "hello" });
    expect(findRoute(routes, "/hello/deep/x")).toMatchObject({ service: "deep" });
    expect(findRoute(routes, "/helloworld")).toMatchObject({ service: "site" });
    expect(findRoute(routes, "/")).toMatchObject({ service: "site" });
  });

  it("gives a disputed prefix to nobody, not even to a shorter one", () => {
    const routes = table({ site: ["flow.http=/"], a: ["flow.http=/hello"], b: ["flow.http=/hello"] });
    expect(findRoute(routes, "/hello/x")).toMatchObject({ kind: "conflict", services: ["a", "b"] });
    expect(findRoute(routes, "/other")).toMatchObject({ service: "site" });
  });

  it("lets no prefix take what lies below /api/", () => {
    expect(findRoute(table({ site: ["flow.http=/"] }), "/api/common.Product/Get")).toBeUndefined();
  });

  it("reads flags that instances disagree on the careful way", () => {
    const routes = table({ product: [`${get};idempotent`, "flow.method=/common.Product/Get;enable;upload"] });
    expect(routes.methods.get("/common.Product/Get")).toMatchObject({ public: false, idempotent: false, upload: true });
  });

  it("names the service whose tag makes no sense", () => {
    expect(table({ product: ["flow.http=/api"] }).refused).toMatchObject([
      { service: "product", tag: "flow.http=/api" },
    ]);
  });

  it("holds a thousand methods of one service", () => {
    const tags = Array.from({ length: 1_000 }, (_, index) => `flow.method=/big.Service/Method${index};enable`);
    const routes = table({ big: tags });
    expect(routes.methods.size).toBe(1_000);
    expect(findRoute(routes, "/api/big.Service/Method999")).toMatchObject({ service: "big" });
  });
});
