import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Git, removeStaleLocks } from "../../../../src/core/git/index.ts";
import { testContext } from "../../../support/context.ts";
import { git, makeRepository } from "../../../support/git-repository.ts";
import { tempDirectory } from "../../../support/temp.ts";

const locks = ["index.lock", "packed-refs.lock", "refs/heads/main.lock"];

async function lockedRepository() {
  const dir = await tempDirectory("flow stale locks");
  const ctx = testContext(dir);
  await makeRepository(dir, { "a.txt": "a\n" });
  for (const lock of locks) await writeFile(join(dir, ".git", lock), "");
  return { dir, ctx, left: () => locks.filter((lock) => existsSync(join(dir, ".git", lock))) };
}

test.runIf(process.platform === "linux")(
  "locks that a killed git left are taken away, and git works again",
  async () => {
    const { dir, ctx, left } = await lockedRepository();
    await expect(git(dir, ["commit", "--allow-empty", "-m", "Refused"])).rejects.toThrow("lock");
    await removeStaleLocks(ctx, new Git(ctx, dir));
    expect(left()).toEqual([]);
    await git(dir, ["commit", "--allow-empty", "-m", "Taken"]);
  },
);

test.runIf(process.platform === "linux")("locks stay while a git works in the repository", async () => {
  const { dir, ctx, left } = await lockedRepository();
  const working = spawn("git", ["cat-file", "--batch"], { cwd: dir, stdio: ["pipe", "pipe", "ignore"] });
  onTestFinished(() => void working.kill());
  working.stdin.write("HEAD\n");
  await once(working.stdout, "data");
  const abort = new AbortController();
  const removal = removeStaleLocks({ ...ctx, signal: abort.signal }, new Git(ctx, dir));
  setTimeout(() => abort.abort(), 300);
  await expect(removal).rejects.toThrow();
  expect(left()).toEqual(locks);
});
