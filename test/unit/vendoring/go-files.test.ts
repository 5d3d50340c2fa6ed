import { describe, expect, test } from "vitest";
import { readModuleZip } from "../../../src/vendoring/go/archive.ts";
import { mergeModFiles, mergeSumFiles } from "../../../src/vendoring/go/merge.ts";
import { formatModFile, parseModFile } from "../../../src/vendoring/go/mod-file.ts";
import { zip } from "../../support/zip.ts";

const owners = `// The shop's own module.
module "example.com/shop" // ours

go 1.21

require go.test/gone v1.0.0
require (
\tgo.test/a v1.0.0 // indirect; see the wiki
\tgo.test/b v2.0.0+incompatible
)

exclude go.test/a v0.9.0

replace (
\tgo.test/a => ./go.test/a
\tgo.test/x => ../x
)
`;

describe("a go.mod", () => {
  test("is read as Go reads it", () => {
    expect(parseModFile(owners)).toMatchObject({
      module: "example.com/shop",
      go: "1.21",
      requires: [
        { path: "go.test/gone", version: "v1.0.0", indirect: false },
        { path: "go.test/a", version: "v1.0.0", indirect: true },
        { path: "go.test/b", version: "v2.0.0+incompatible", indirect: false },
      ],
      directories: new Map([["go.test/a", "go.test/a"]]),
    });
    expect(parseModFile("go 1.21\n")).toBeUndefined();
  });

  test("keeps what its owner wrote when the requirements change", () => {
    const text = formatModFile(owners, {
      requires: [{ path: "go.test/b", version: "v3.0.0", indirect: false }],
      directories: new Map([["go.test/b", "go.test/b"]]),
      go: "1.24",
    });
    expect(text).toBe(`// The shop's own module.
module "example.com/shop" // ours

go 1.24

exclude go.test/a v0.9.0

replace (
\tgo.test/x => ../x
)

require (
\tgo.test/b v3.0.0
)

replace (
\tgo.test/b => ./go.test/b
)
`);
  });

  test("of two people's additions merges requirement by requirement, and so does go.sum", () => {
    const mod = (paths: Record<string, string>) =>
      formatModFile(undefined, {
        requires: Object.entries(paths).map(([path, version]) => ({ path, version, indirect: false })),
        directories: new Map(Object.keys(paths).map((path) => [path, path])),
      });
    const merged = mergeModFiles(
      mod({ "go.test/a": "v1.0.0", "go.test/gone": "v1.0.0" }),
      mod({ "go.test/a": "v1.1.0", "go.test/mine": "v1.0.0", "go.test/gone": "v1.0.0" }),
      mod({ "go.test/a": "v1.0.0", "go.test/theirs": "v1.0.0" }),
    );
    expect(merged).toBe(mod({ "go.test/a": "v1.1.0", "go.test/mine": "v1.0.0", "go.test/theirs": "v1.0.0" }));
    expect(
      mergeSumFiles("a v1 h1:1\ngone v1 h1:0\n", "a v1 h1:1\nm v1 h1:2\ngone v1 h1:0\n", "a v1 h1:1\nt v1 h1:3\n"),
    ).toBe("a v1 h1:1\nm v1 h1:2\nt v1 h1:3\n");
  });
});

describe("a module's zip is refused whole, with the entry's name,", () => {
  const module = { path: "go.test/x", version: "v1.0.0", sum: "h1:any" };
  const good = { name: "go.test/x@v1.0.0/go.mod", content: "module go.test/x\n" };
  test.each([
    ["when an entry lies elsewhere", "go.test/evil@v1.0.0/a.go"],
    ["when an entry leaves it", "go.test/x@v1.0.0/../../evil"],
    ["when an entry is absolute", "/etc/evil"],
    ["when it holds git's own directory", "go.test/x@v1.0.0/evil/.GIT/config"],
    ["when an entry has a backslash", "go.test/x@v1.0.0/..\\\\evil"],
    ["when two entries differ in case only", "go.test/x@v1.0.0/GO.mod.evil"],
  ])("%s", (name, entry) => {
    const twin = name.includes("case") ? [{ name: "go.test/x@v1.0.0/go.MOD.evil", content: "" }] : [];
    const archive = zip([good, ...twin, { name: entry, content: "evil" }]);
    expect(() => readModuleZip(archive, module)).toThrow(
      expect.objectContaining({ code: "FLOW_VENDOR_BAD_ARCHIVE", message: expect.stringMatching(/evil/i) }),
    );
  });

  test("when it says that it unpacks to more than any honest one, or to less than it does", () => {
    const bomb = zip([good, { name: "go.test/x@v1.0.0/evil", content: "x", size: 2 ** 31 }]);
    expect(() => readModuleZip(bomb, module)).toThrow(expect.objectContaining({ code: "FLOW_VENDOR_BAD_ARCHIVE" }));
    const liar = zip([good, { name: "go.test/x@v1.0.0/evil", content: "evil", size: 1 }]);
    expect(() => readModuleZip(liar, module)).toThrow(/checksum of .*evil is wrong/);
    expect(() => readModuleZip(zip([good]).subarray(0, 60), module)).toThrow(/broken/);
  });

  test("when its bytes are not what go.sum says", () => {
    expect(() => readModuleZip(zip([good]), module)).toThrow(
      expect.objectContaining({ code: "FLOW_VENDOR_FETCH", message: expect.stringContaining("h1:any") }),
    );
  });
});
