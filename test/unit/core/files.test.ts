import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, readlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  ensureSymlink,
  removeTree,
  stageDirectory,
  sweepStaging,
  writeIfChanged,
  writeNew,
} from "../../../src/core/files.ts";
import { tempDirectory } from "../../support/temp.ts";

describe("stageDirectory", () => {
  test("leaves nothing behind when filling fails", async () => {
    const dir = await tempDirectory();
    const failing = stageDirectory(join(dir, "a"), async (staging) => {
      await writeFile(join(staging, "half"), "x");
      throw new Error("broke off");
    });
    await expect(failing).rejects.toThrow("broke off");
    expect(await readdir(dir)).toEqual([]);
  });

  test("keeps what is there, unless told to replace it", async () => {
    const dir = await tempDirectory();
    const write = (text: string) => (staging: string) => writeFile(join(staging, "file"), text);
    await stageDirectory(join(dir, "a"), write("first"));
    await stageDirectory(join(dir, "a"), write("second"));
    expect(await readFile(join(dir, "a", "file"), "utf8")).toBe("first");
    await stageDirectory(join(dir, "a"), write("third"), { replace: true });
    expect(await readFile(join(dir, "a", "file"), "utf8")).toBe("third");
    expect(await readdir(dir)).toEqual(["a"]);
  });

  test("what a killed process staged is swept, what a living one stages is not", async () => {
    const dir = await tempDirectory();
    await mkdir(join(dir, ".a.99999999-zz.staging"));
    await writeFile(join(dir, ".a.99999999-zz.staging.index"), "a file beside it");
    await mkdir(join(dir, `.a.${process.pid}-zz.staging`));
    await sweepStaging(join(dir, "a"));
    expect(await readdir(dir)).toEqual([`.a.${process.pid}-zz.staging`]);
  });
});

test("the recursive delete refuses the home directory and everything above it", async () => {
  for (const path of [homedir(), join(homedir(), ".."), "/"]) {
    await expect(removeTree(path)).rejects.toMatchObject({ code: "FLOW_UNSAFE_PATH" });
  }
  expect(existsSync(homedir())).toBe(true);
});

test("a symbolic link is replaced, a real file in its place is refused", async () => {
  const dir = await tempDirectory();
  expect(await ensureSymlink("one", join(dir, "link"))).toBe(true);
  expect(await ensureSymlink("one", join(dir, "link"))).toBe(false);
  expect(await ensureSymlink("two", join(dir, "link"))).toBe(true);
  expect(await readlink(join(dir, "link"))).toBe("two");
  await writeFile(join(dir, "file"), "mine");
  await expect(ensureSymlink("two", join(dir, "file"))).rejects.toMatchObject({ code: "FLOW_UNSAFE_PATH" });
  expect(await readFile(join(dir, "file"), "utf8")).toBe("mine");
});

test("files are written only when that changes something", async () => {
  const dir = await tempDirectory();
  expect(await writeNew(join(dir, "x", "file"), "a")).toBe(true);
  expect(await writeNew(join(dir, "x", "file"), "b")).toBe(false);
  expect(await writeIfChanged(join(dir, "x", "file"), "a")).toBe(false);
  expect(await writeIfChanged(join(dir, "x", "file"), "b")).toBe(true);
  expect(await readFile(join(dir, "x", "file"), "utf8")).toBe("b");
});

test("a new file takes away what a killed process staged for it, also when it is there already", async () => {
  const dir = await tempDirectory();
  await writeFile(join(dir, "a.99999999.staging"), "half");
  expect(await writeNew(join(dir, "a"), "whole")).toBe(true);
  expect(await readdir(dir)).toEqual(["a"]);
  await writeFile(join(dir, "a.99999999.staging"), "half");
  expect(await writeNew(join(dir, "a"), "other")).toBe(false);
  expect(await readdir(dir)).toEqual(["a"]);
});
