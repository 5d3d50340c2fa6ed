import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { addServiceEntry } from "../../../src/codegen/skeleton/flow-yaml.ts";

const entry = { description: "baskets", entry: "service/basket/basket.ts" };

describe("addServiceEntry", () => {
  it("adds the service after the last one and keeps every character of what was there", () => {
    const text =
      "# ours\nname:   shop\nservices:\n  # first\n  product: {entry: p.ts, depends: [ a ]}   # inline\n  a:\n    command: 'x'\n\n# generators follow\ngenerators: {}\n";
    const result = addServiceEntry(text, "basket", entry) ?? "";
    expect(result.replace("\n  basket:\n    description: baskets\n    entry: service/basket/basket.ts\n", "")).toBe(
      text,
    );
    expect(Object.keys((parse(result) as { services: object }).services)).toEqual(["product", "a", "basket"]);
  });

  it.each([
    ["an empty file", ""],
    ["a file without services", "name: shop\n"],
    ["a file without a final newline", "name: shop\nservices:\n  a:\n    command: x"],
    ["a file indented by four", "services:\n    a:\n        command: x\n"],
  ])("adds it to %s", (_, text) => {
    const result = addServiceEntry(text, "basket", entry) ?? "";
    expect((parse(result) as { services: Record<string, unknown> }).services.basket).toEqual(entry);
    expect(result.startsWith(text)).toBe(true);
  });

  it("gives up on services written in braces", () => {
    expect(addServiceEntry("services: {a: {command: x}}\n", "basket", entry)).toBeUndefined();
  });
});
