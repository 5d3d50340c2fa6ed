import { describe, expect, it } from "vitest";
import { addServiceMethod, type ServiceMethod } from "../../../src/codegen/skeleton/service-class.ts";

const rename: ServiceMethod = {
  protoService: "Product",
  name: "rename",
  lines: [
    "  async rename(ctx: Context, request: ProductRename) {",
    "    return await productRename(ctx, request);",
    "  }",
  ],
  imports: [
    { name: "Context", from: "goflow/runtime", typeOnly: true },
    { name: "ProductRename", from: "@acme/shop/rpc/common", typeOnly: true },
    { name: "productRename", from: "./internal/product_rename/product_rename.ts", typeOnly: false },
  ],
};

const written = `// Ours. } not a brace
import { serve, Service, type Context } from "goflow/runtime";
import {
  registerProduct, // the registrar
} from "@acme/shop/rpc/common";

const text = "class ProductService {";

export class ProductService extends Service {
    // oddly indented, and to stay so
    override register(server: Server) { registerProduct(server, this); }

  get(ctx: Context) {
    return \`}\${ctx}\`;
  }
}

if (import.meta.main) await serve(new ProductService());
`;

describe("addServiceMethod", () => {
  it("adds the method at the end of the class and its imports after the others, and touches nothing else", () => {
    const result = addServiceMethod(written, rename) ?? "";
    const imports = [
      'import type { ProductRename } from "@acme/shop/rpc/common";',
      'import { productRename } from "./internal/product_rename/product_rename.ts";',
    ].join("\n");
    const method = rename.lines.join("\n");
    expect(result.replace(`${imports}\n`, "").replace(`\n${method}\n`, "")).toBe(written);
    expect(result).toContain(`    return \`}\${ctx}\`;\n  }\n\n${method}\n}\n\nif (import`);
    expect(result).toContain(`} from "@acme/shop/rpc/common";\n${imports}\n\nconst text`);
  });

  it("changes nothing the second time", () => {
    const once = addServiceMethod(written, rename) ?? "";
    expect(addServiceMethod(once, rename)).toBe(once);
  });

  it.each(["rename(", "async rename(", "rename = (", "override rename("])(
    "leaves a method alone that a person wrote as %s",
    (start) => {
      const text = written.replace("  get(ctx", `  ${start}ctx: Context) { return 1; }\n  get(ctx`);
      expect(addServiceMethod(text, rename)).toBe(text);
    },
  );

  it("fills an empty class", () => {
    const text = "class A extends Service { x = registerProduct(server, this) }\n";
    expect(addServiceMethod(text, { ...rename, imports: [] })).toContain("this)\n\n  async rename(");
  });

  it("chooses the class that registers the proto service", () => {
    const two = `class A { r() { registerOrder(s, this); } }\nclass B { r() { registerProduct(s, this); } }\n`;
    expect(addServiceMethod(two, { ...rename, imports: [] })?.indexOf("rename")).toBeGreaterThan(
      two.indexOf("class B"),
    );
  });

  it("gives up where no class registers the service, or braces do not match", () => {
    expect(addServiceMethod("export const x = 1;\n", rename)).toBeUndefined();
    expect(addServiceMethod("class A { registerProduct(server, this)", rename)).toBeUndefined();
  });
});
