import { describe, expect, test } from "vitest";
import { Cone } from "../../../src/vendoring/clone/cone.ts";
import { neededDirectories } from "../../../src/vendoring/clone/needs.ts";
import { hostPlatform } from "../../../src/vendoring/npm/platforms.ts";
import type { PrefixEntry } from "../../../src/vendoring/types.ts";

describe("a cone", () => {
  const cone = new Cone(["node_modules/a", "node_modules/@s/b", "github.com/org/lib"]);

  test.each(["node_modules/a", "node_modules/a/node_modules/c", "node_modules/@s/b", "github.com/org/lib/sub"])(
    "holds %s",
    (directory) => expect(cone.holds(directory)).toBe(true),
  );

  test.each(["node_modules", "node_modules/ab", "node_modules/@s", "github.com/org", "other"])(
    "does not hold all of %s",
    (directory) => expect(cone.holds(directory)).toBe(false),
  );

  test("holds the files that lie directly above what is in it, and no others", () => {
    expect(
      ["package.json", "node_modules/link", "node_modules/@s/link", "node_modules/a/x/y.js"].map((path) =>
        cone.holdsFile(path),
      ),
    ).toEqual([true, true, true, true]);
    expect(["node_modules/z/index.js", "other/file"].map((path) => cone.holdsFile(path))).toEqual([false, false]);
  });

  test("of a clone that is not sparse holds everything", () => {
    const whole = new Cone(undefined);
    expect(whole.holds("any/thing") && whole.holdsFile("any/file")).toBe(true);
  });
});

describe("what services need of a mirror", () => {
  const entry = (source: string) => ({ source }) as PrefixEntry;
  const [system = "", machine = ""] = hostPlatform().split("-");
  const other = system === "darwin" ? "linux" : "darwin";
  const manifest = {
    version: 1 as const,
    prefixes: {
      "node_modules/a": entry("npm:a"),
      "node_modules/a/node_modules/b": entry("npm:b"),
      "node_modules/b": entry("npm:b"),
      "node_modules/c": entry("npm:c"),
      "node_modules/native": entry("npm:native"),
      [`node_modules/@native/${system}`]: entry(`npm:@native/${system}`),
      [`node_modules/@native/${other}`]: entry(`npm:@native/${other}`),
      "github.com/org/lib": entry("https://github.com/org/lib"),
      "golang.org/x/text": entry("go:golang.org/x/text"),
      "nodejs/linux-x64": entry("archive:node"),
    },
  };
  const lock = {
    "node_modules/a": { dependencies: { b: "1" } },
    "node_modules/a/node_modules/b": { dependencies: { c: "1" } },
    "node_modules/b": {},
    "node_modules/c": {},
    "node_modules/@org/lib": { link: true, resolved: "github.com/org/lib" },
    "github.com/org/lib": { dependencies: { b: "2" } },
    "node_modules/native": { optionalDependencies: { [`@native/${system}`]: "1", [`@native/${other}`]: "1" } },
    [`node_modules/@native/${system}`]: { os: [system], cpu: [machine] },
    [`node_modules/@native/${other}`]: { os: [other], cpu: [machine] },
  };
  const needed = (needs: Parameters<typeof neededDirectories>[1]) => neededDirectories({ manifest, lock }, needs);

  test("is a package with what it needs, the one nested in it in its own directory", () => {
    expect(needed({ packages: ["a"] })).toEqual(["node_modules/a", "node_modules/c"]);
  });

  test("is a git source with the link that it is found by", () => {
    expect(needed({ packages: ["@org/lib"] })).toEqual([
      "github.com/org/lib",
      "node_modules/@org/lib",
      "node_modules/b",
    ]);
  });

  test("is the binary of this platform and no other", () => {
    expect(needed({ packages: ["native"] })).toEqual([`node_modules/@native/${system}`, "node_modules/native"]);
  });

  test("is Go's modules only where Go is built", () => {
    expect(needed({ packages: [], go: true })).toEqual(["github.com/org/lib", "golang.org/x/text"]);
  });

  test("is a single file's prefix or directory; what the mirror does not hold is passed over", () => {
    const files = ["nodejs/linux-x64/node.tgz", "scripts/hello.sh", "top.sh"];
    expect(needed({ packages: ["unknown"], prefixes: ["nodejs/none"], files })).toEqual([
      "nodejs/linux-x64",
      "scripts",
    ]);
  });
});
