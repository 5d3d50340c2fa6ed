import { randomBytes } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { addSources, openMirror, pushMirror, verifyMirror } from "../../src/vendoring/index.ts";
import { testContext } from "../support/context.ts";
import { startGitDaemon, startProxy, type Passage } from "../support/git-daemon.ts";
import { git } from "../support/git-repository.ts";
import { setUpMirror } from "../support/mirror.ts";

/** Hands `bytes` on every 50 ms, after the first `free`. */
function slowly(bytes: number, free: number): Passage {
  let left = free;
  let waiting = Buffer.alloc(0);
  let timer: NodeJS.Timeout | undefined;
  onTestFinished(() => clearInterval(timer));
  return {
    toClient: (chunk, { client }) => {
      client.write(chunk.subarray(0, left));
      waiting = Buffer.concat([waiting, chunk.subarray(left)]);
      left = Math.max(0, left - chunk.length);
      timer ??= setInterval(() => {
        if (waiting.length > 0 && client.writable) client.write(waiting.subarray(0, bytes));
        waiting = waiting.subarray(bytes);
      }, 50);
    },
  };
}

describe("a git server that is slow", () => {
  test.each([
    ["its first word", 1],
    ["what it has", 2],
  ])("and trickles %s ends in an error in bounded time, and nothing is left", async (_, slow) => {
    const { dir, env, mirror, upstream, options } = await setUpMirror({ "x.bin": randomBytes(200_000) });
    let connections = 0;
    const server = await startGitDaemon(dir);
    const { port } = await startProxy(server, () => (++connections < slow ? {} : slowly(1, slow === 1 ? 0 : 3_000)));
    const head = await git(mirror, ["rev-parse", "HEAD"]);
    const ctx = testContext(dir, { env: { ...env, FLOW_NETWORK_TIMEOUT: "1" } });
    const url = `git://127.0.0.1:${port}${upstream.slice(dir.length)}`;
    await expect(addSources(ctx, mirror, [url], { ...options, prefix: "lib" })).rejects.toMatchObject({
      code: "FLOW_VENDOR_FETCH",
      cause: { code: "FLOW_TIMEOUT" },
      hint: expect.stringContaining("network"),
    });
    expect(await git(mirror, ["rev-parse", "HEAD"])).toBe(head);
    expect(await git(mirror, ["for-each-ref", "refs/flow"])).toBe("");
  });

  test("but honest is waited for, however long it takes", async () => {
    const { dir, env, mirror, upstream, options } = await setUpMirror({ "x.bin": randomBytes(500_000) });
    const { port } = await startProxy(await startGitDaemon(dir), () => slowly(5_000, 0));
    const ctx = testContext(dir, { env: { ...env, FLOW_NETWORK_TIMEOUT: "3" } });
    const url = `git://127.0.0.1:${port}${upstream.slice(dir.length)}`;
    await addSources(ctx, mirror, [url], { ...options, prefix: "lib" });
    expect((await verifyMirror(ctx, await openMirror(ctx, mirror))).problems).toEqual([]);
  });
});

describe("a push whose connection breaks", () => {
  /** A mirror with `count` packages of 50 kB to push, by way of a proxy. */
  async function toPush(count: number, passage: () => Passage) {
    const setUp = await setUpMirror();
    const { dir, ctx, mirror, remote, options, registry } = setUp;
    await pushMirror(ctx, mirror);
    const names = Array.from({ length: count }, (_, index) => `p${index}`);
    registry.publish(...names.map((name) => ({ name, version: "1.0.0", files: { "x.bin": randomBytes(50_000) } })));
    await addSources(
      ctx,
      mirror,
      names.map((name) => `npm:${name}`),
      options,
    );
    const proxy = await startProxy(await startGitDaemon(dir), passage);
    await git(mirror, ["remote", "set-url", "origin", `git://127.0.0.1:${proxy.port}${remote.slice(dir.length)}`]);
    const expectPushed = async () => {
      expect(await git(remote, ["rev-parse", "main"])).toBe(await git(mirror, ["rev-parse", "HEAD"]));
      expect(await git(remote, ["for-each-ref", "refs/flow/pushing"])).toBe("");
      expect(await git(remote, ["fsck", "--strict"])).not.toMatch(/error|missing/);
    };
    return { ...setUp, proxy, expectPushed };
  }

  test("in the middle goes on at the next push with what had not arrived", async () => {
    let left = 250_000;
    const cut: Passage = {
      toServer: (chunk, { client, server }) => {
        left -= chunk.length;
        if (left > 0) return void server.write(chunk);
        client.destroy();
        server.destroy();
      },
    };
    const { ctx, mirror, proxy, expectPushed, remote } = await toPush(8, () => (left > 0 ? cut : {}));
    const push = () => pushMirror(ctx, mirror, { maxPackBytes: 80_000 });
    await expect(push()).rejects.toMatchObject({
      code: "FLOW_VENDOR_REJECTED",
      hint: expect.stringMatching(/what (has )?arrived|what arrived is kept/),
    });
    expect(await git(remote, ["for-each-ref", "refs/flow/pushing"])).not.toBe("");
    const before = proxy.sent();
    await push();
    expect(proxy.sent() - before).toBeLessThan(300_000);
    await expectPushed();
  });

  test("when all had arrived, but not the answer, is recognised by the next", async () => {
    let cuts = 1;
    const { ctx, mirror, proxy, expectPushed } = await toPush(1, () => {
      let sent = 0;
      return {
        toServer: (chunk, { server }) => {
          sent += chunk.length;
          server.write(chunk);
        },
        toClient: (chunk, { client }) => {
          if (sent < 10_000 || cuts === 0) return void client.write(chunk);
          cuts--;
          client.destroy();
        },
      };
    });
    await expect(pushMirror(ctx, mirror)).rejects.toMatchObject({ code: "FLOW_VENDOR_REJECTED" });
    const before = proxy.sent();
    const { from, head } = await pushMirror(ctx, mirror);
    expect(from).toBe(head);
    expect(proxy.sent() - before).toBeLessThan(10_000);
    await expectPushed();
  });
});
