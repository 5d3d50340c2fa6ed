import { describe, expect, it } from "vitest";
import {
  camelCase,
  implementationPath,
  kebabCase,
  methodFolder,
  pascalCase,
  snakeCase,
} from "../../../src/codegen/names.ts";

describe("names", () => {
  it.each([
    ["Product", "product"],
    ["StockReport", "stock_report"],
    ["ProductSKU", "product_sku"],
    ["HTTPProxy", "http_proxy"],
    ["stock-report", "stock_report"],
    ["Oauth2Token", "oauth2_token"],
  ])("writes %s as %s in snake case", (name, expected) => {
    expect(snakeCase(name)).toBe(expected);
  });

  it("goes from a service's name to its proto service and back", () => {
    expect(pascalCase("stock-report")).toBe("StockReport");
    expect(kebabCase("StockReport")).toBe("stock-report");
    expect(camelCase("stock_report_get")).toBe("stockReportGet");
  });

  it("puts an RPC's code where its interface path says", () => {
    expect(methodFolder("Product", "Get")).toBe("product_get");
    expect(implementationPath("product", "Product", "Get")).toBe("service/product/internal/product_get/product_get.ts");
  });
});
