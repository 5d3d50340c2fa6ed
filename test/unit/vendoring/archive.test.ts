import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readArchive } from "../../../src/vendoring/archive.ts";
import { PackageContents } from "../../../src/vendoring/contents.ts";
import { tarball, type TarEntry } from "../../support/tarball.ts";

const manifest: TarEntry = { path: "package/package.json", content: '{"name":"x","version":"1.0.0"}' };

test("files keep their bytes and their exec bit; the first directory goes, whatever its name", async () => {
  const files = await readArchive(
    tarball([
      { path: "any/package.json", content: "{}" },
      { path: "any/bin/run", content: "\r\n\u0000", mode: 0o755 },
      { path: "any/.gitignore", content: "*" },
    ]),
    "x@1",
  );
  expect(files.map(({ path, mode }) => `${mode} ${path}`)).toEqual([
    "100644 .gitignore",
    "100755 bin/run",
    "100644 package.json",
  ]);
  expect(Buffer.from(files[1]?.data ?? []).toString()).toBe("\r\n\u0000");
});

describe("an archive is refused whole, with the entry's name,", () => {
  test.each<[string, TarEntry]>([
    ["when an entry leaves the directory", { path: "package/../../evil" }],
    ["when an entry is absolute", { path: "/etc/evil" }],
    ["when a link leads out of it", { path: "package/evil", type: "SymbolicLink", linkpath: "../../evil" }],
    ["when a link is absolute", { path: "package/evil", type: "SymbolicLink", linkpath: "/etc/passwd" }],
    ["when it holds a hard link", { path: "package/evil", type: "Link", linkpath: "package/package.json" }],
    ["when it holds a device", { path: "package/evil", type: "CharacterDevice" }],
    ["when it holds a pipe", { path: "package/evil", type: "FIFO" }],
    ["when it holds git's own directory", { path: "package/.git/hooks/evil" }],
    ["when it does so in capitals", { path: "package/evil/.GIT/config" }],
    ["when it does so by a short name of NTFS", { path: "package/GIT~1/evil" }],
    ["when it does so by characters that HFS ignores", { path: "package/.g\u200cit/evil" }],
    ["when it does so with dots and spaces that NTFS drops", { path: "package/evil/.git . ./config" }],
    ["when it does so by a stream behind a space", { path: "package/.GIT ::$INDEX_ALLOCATION/evil" }],
    [
      "when a link is git's list of submodules",
      { path: "package/evil/.gitmodules", type: "SymbolicLink", linkpath: "x" },
    ],
    [
      "when such a link is named as NTFS shortens it",
      { path: "package/evil/GITMOD~1", type: "SymbolicLink", linkpath: "x" },
    ],
    ["when an entry is a Windows drive's", { path: "package/C:/evil" }],
    ["when an entry has a backslash", { path: "package/..\\evil" }],
    ["when it does so by a stream of NTFS", { path: "package/.git::$INDEX_ALLOCATION/evil" }],
    ["when two entries differ in case only", { path: "package/Package.json.evil" }],
  ])("%s", async (name, entry) => {
    const twin: TarEntry[] = name.includes("case") ? [{ path: "package/package.JSON.evil" }] : [];
    const reading = readArchive(tarball([manifest, ...twin, entry]), "x@1.0.0");
    await expect(reading).rejects.toMatchObject({
      code: "FLOW_VENDOR_BAD_ARCHIVE",
      message: expect.stringMatching(/x@1\.0\.0.*(evil|git)/is),
    });
  });

  test("when an entry lies behind a link, or a link leads out through another", async () => {
    const link = (path: string, linkpath: string): TarEntry => ({
      path: `package/${path}`,
      type: "SymbolicLink",
      linkpath,
    });
    for (const entries of [
      [link("evil", "lib"), { path: "package/evil/x.js", content: "1" }],
      [link("lib/up", ".."), link("evil", "lib/up/../../etc")],
      [link("evil", "evil")],
    ]) {
      await expect(readArchive(tarball([manifest, ...entries]), "x@1.0.0")).rejects.toMatchObject({
        code: "FLOW_VENDOR_BAD_ARCHIVE",
        message: expect.stringContaining("evil"),
      });
    }
  });

  test("when two entries differ in Unicode form only", async () => {
    const entries = [manifest, { path: "package/\u00e9vil" }, { path: "package/e\u0301vil" }];
    await expect(readArchive(tarball(entries), "x@1.0.0")).rejects.toThrow(/differs from/);
  });

  test("when it is a bomb of files, or of what is no file", async () => {
    const contents = new PackageContents("x@1.0.0");
    const data = Buffer.alloc(0);
    for (let index = 0; index <= 100_000; index++)
      contents.add(`evil${index}`, { path: `evil${index}`, mode: "100644", data });
    expect(() => contents.finish()).toThrow(/"evil100000" is one of more than 100000 files/);
    const padded = gzipSync(Buffer.concat([gunzipSync(tarball([manifest])), Buffer.alloc(160 * 1024 ** 2)]));
    await expect(readArchive(padded, "x@1.0.0")).rejects.toThrow(/headers/);
  });

  test("when it is a bomb", async () => {
    const bomb = tarball([manifest, { path: "package/evil", content: Buffer.alloc(80 * 1024 ** 2) }]);
    expect(bomb.length).toBeLessThan(200_000);
    await expect(readArchive(bomb, "x@1.0.0")).rejects.toMatchObject({ code: "FLOW_VENDOR_BAD_ARCHIVE" });
  });

  test.each([
    ["when it is cut off", tarball([manifest, { path: "package/a", content: "a".repeat(5_000) }]).subarray(0, 150)],
    ["when it is no archive", gzipSync("hello")],
    ["when it is not even compressed", Buffer.from("hello")],
    ["when it is empty", tarball([])],
  ])("%s", async (_name, bytes) => {
    await expect(readArchive(bytes, "x@1.0.0")).rejects.toMatchObject({ code: "FLOW_VENDOR_BAD_ARCHIVE" });
  });
});
