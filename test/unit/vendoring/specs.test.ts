import { describe, expect, test } from "vitest";
import { checkPrefix } from "../../../src/vendoring/prefix.ts";
import { parseSpec } from "../../../src/vendoring/specs.ts";
import { tempDirectory } from "../../support/temp.ts";

describe("what is to be added", () => {
  test.each([
    ["npm:pino@^10", { kind: "npm", name: "pino", range: "^10" }],
    [
      "npm:left@npm:@scope/right@^2",
      { kind: "npm", name: "left", range: "npm:@scope/right@^2", registryName: "@scope/right" },
    ],
    ["go:github.com/BurntSushi/toml@v1.3.2", { kind: "go", path: "github.com/BurntSushi/toml", query: "v1.3.2" }],
    ["go:gopkg.in/yaml.v3", { kind: "go", path: "gopkg.in/yaml.v3", query: "latest" }],
    ["npm:@scope/x", { kind: "npm", name: "@scope/x", range: undefined }],
    ["npm:x@*", { kind: "npm", name: "x", range: "*" }],
    [
      "https://host.example/org/repo.git@v1.2.3",
      { kind: "git", url: "https://host.example/org/repo.git", ref: "v1.2.3", prefix: "host.example/org/repo" },
    ],
    [
      "git@host.example:org/repo@release/1",
      { kind: "git", url: "git@host.example:org/repo", ref: "release/1", prefix: "host.example/org/repo" },
    ],
    ["ssh://git@host.example:2222/org/repo.git", { kind: "git", ref: undefined, prefix: "host.example/org/repo" }],
    [
      "https://user@host.example/org/repo@main",
      { kind: "git", url: "https://user@host.example/org/repo", ref: "main" },
    ],
  ])("%s is understood", (spec, expected) => {
    expect(parseSpec(spec, { cwd: "/" })).toMatchObject(expected);
  });

  test("a path is a git source under local/", async () => {
    const dir = await tempDirectory();
    expect(parseSpec(dir, { cwd: "/" })).toMatchObject({
      kind: "git",
      url: dir,
      prefix: expect.stringMatching(/^local\//),
    });
  });

  test.each([
    "--upload-pack=touch /tmp/x",
    "-x",
    "--exec=id",
    "ext::sh -c id",
    "fd::7",
    "https://host.example/x@--upload-pack=id",
    "https://host.example/x@HEAD:refs/heads/evil",
    "https://host.example/x@+main",
    "https://host.example/x@a..b",
    "https://host.example/x@a b",
    "javascript://host/x",
    "https://ada:secret@host.example/org/repo",
    "https://0123456789abcdef0123@host.example/org/repo",
    "nothing",
    "npm:",
    "npm:../x",
    "npm:-x",
    "npm:--registry=http://evil.example",
    "npm:x@../y",
    "npm:x@file:/etc",
    "npm:x@npm:../y",
    "npm:left@npm:right@git+https://host.example/x",
    "go:",
    "go:-modfile=/tmp/x",
    "go:host.example/-x",
    "go:host.example/../x",
    "go:host.example//x",
    "go:/host.example/x",
    "go:nodots/x",
    "go:host.example/x@-modfile=y",
    "go:host.example/x@v1@v2",
    "go:host.example/x@v1 v2",
    "go:host.example/x.git/.git",
    "https://user:s3cret@host.example/x.git",
    "https://ghp_0123456789abcdef0123@host.example/x.git",
    "npm:x@git+https://host.example/x",
    "./not-there",
  ])("%s is refused, with an example of what is right", (spec) => {
    expect(() => parseSpec(spec, { cwd: "/nonexistent" })).toThrow(
      expect.objectContaining({ code: "FLOW_VENDOR_BAD_SPEC" }),
    );
  });
});

describe("prefixes", () => {
  test.each([
    ["./x", "x"],
    ["x/", "x"],
    ["a b/c+d^e$(f)@g.h", "a b/c+d^e$(f)@g.h"],
  ])("%s means %s", (input, expected) => {
    expect(checkPrefix(input)).toBe(expected);
  });

  test.each([
    "",
    "/x",
    "../x",
    "a/../b",
    "a//b",
    ".git/x",
    "a/.GIT",
    "git~1/x",
    "a[b]",
    "a*",
    "a?b",
    "a\\b",
    "C:/x",
    "a\nb",
  ])("%j is refused", (input) => {
    expect(() => checkPrefix(input)).toThrow(expect.objectContaining({ code: "FLOW_VENDOR_BAD_PREFIX" }));
  });
});
