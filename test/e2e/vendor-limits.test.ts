import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { expect, onTestFinished, test } from "vitest";
import { addSources, initMirror, openMirror, verifyMirror } from "../../src/vendoring/index.ts";
import { testContext } from "../support/context.ts";
import { commitFiles, git } from "../support/git-repository.ts";
import { setUpMirror } from "../support/mirror.ts";

test("a git server that accepts and never answers ends in an error, and the mirror stays as it was", async () => {
  const { dir, env, mirror, options } = await setUpMirror();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on("error", () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  const head = await git(mirror, ["rev-parse", "HEAD"]);
  const ctx = testContext(dir, { env: { ...env, FLOW_NETWORK_TIMEOUT: "0.5" } });
  const url = `git://127.0.0.1:${(server.address() as AddressInfo).port}/org/repo.git`;
  await expect(addSources(ctx, mirror, [url], options)).rejects.toMatchObject({ code: "FLOW_VENDOR_FETCH" });
  expect(await git(mirror, ["rev-parse", "HEAD"])).toBe(head);
  expect(await git(mirror, ["for-each-ref", "refs/flow"])).toBe("");
});

test("a file over the limit is refused with its name, and nothing is imported", async () => {
  const { ctx, mirror, upstream, options } = await setUpMirror();
  await commitFiles(upstream, { "large.bin": randomBytes(3_000_000) });
  const head = await git(mirror, ["rev-parse", "HEAD"]);
  const limit = { ...options, prefix: "lib", maxFileBytes: 2_000_000 };
  await expect(addSources(ctx, mirror, [upstream], limit)).rejects.toMatchObject({
    code: "FLOW_VENDOR_FILE_TOO_LARGE",
    message: expect.stringContaining("lib/large.bin (3 MB)"),
  });
  expect(await git(mirror, ["rev-parse", "HEAD"])).toBe(head);
});

test("a full disk leaves the old commit and the old files; with room again the same command goes through", async ({
  skip,
}) => {
  const { dir, ctx, upstream, options } = await setUpMirror();
  const place = join(dir, "small");
  await mkdir(place);
  const mounted = await execa("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", place], { reject: false });
  if (mounted.exitCode !== 0) skip("a small file system needs root");
  onTestFinished(async () => void (await execa("umount", ["--lazy", place], { reject: false })));
  const mirror = join(place, "vendor");
  await initMirror(ctx, { dir: mirror });
  const head = await git(mirror, ["rev-parse", "HEAD"]);
  // What arrives fits, what is checked out of it does not.
  await commitFiles(upstream, { "one.bin": randomBytes(7_000_000) });
  await expect(addSources(ctx, mirror, [upstream], { ...options, prefix: "lib" })).rejects.toThrow();
  expect(await git(mirror, ["rev-parse", "HEAD"])).toBe(head);
  const opened = await openMirror(ctx, mirror);
  expect(Object.keys(opened.manifest.prefixes)).toEqual([]);
  await execa("mount", ["-o", "remount,size=64m", place]);
  expect(await git(mirror, ["status", "--porcelain"])).toBe("");
  await addSources(ctx, mirror, [upstream], { ...options, prefix: "lib" });
  expect((await verifyMirror(ctx, await openMirror(ctx, mirror))).problems).toEqual([]);
  expect(await git(mirror, ["fsck", "--strict"])).not.toMatch(/error|missing/);
});
