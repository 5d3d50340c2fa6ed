import { describe, expect, it } from "vitest";
import { maskSource, matchingBrace } from "../../../src/codegen/skeleton/source-mask.ts";

describe("maskSource", () => {
  it.each([
    ["a line comment", "a // { }\nb", "a       \nb"],
    ["a block comment over lines", "a /* {\n } */ b", "a     \n      b"],
    ["a string with an escaped quote", String.raw`f("{\"}", 1)`, `f("    ", 1)`],
    ["a template with code in it", "`{${a}{` + b", "    a    + b"],
    ["a nested template", "`${`}${b}`}` + c", "       b     + c"],
    ["a regular expression", "x = /[/}]{/.test(y)", "x = /     /.test(y)"],
  ])("blanks out %s and keeps every position", (_, text, expected) => {
    const masked = maskSource(text);
    expect(masked).toBe(expected);
    expect(masked).toHaveLength(text.length);
  });

  it("takes a slash between values for a division", () => {
    expect(maskSource("a / b / { c }")).toBe("a / b / { c }");
  });

  it("ends at an unterminated comment or string without going on forever", () => {
    expect(maskSource("a /* b")).toBe("a     ");
    expect(maskSource("a 'b")).toHaveLength(4);
  });

  it("finds the brace that closes another", () => {
    const masked = maskSource("class A { b() { return '}'; } } // }");
    expect(matchingBrace(masked, 8)).toBe(30);
    expect(matchingBrace("{ {", 0)).toBeUndefined();
  });
});
