import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { clone } from "../../../../src/core/git/index.ts";
import { findByEnvironment } from "../../../../src/core/proc.ts";
import { poll } from "../../../../src/core/retry.ts";
import { testContext } from "../../../support/context.ts";
import { makeRepository, personalGit } from "../../../support/git-repository.ts";
import { tempDirectory } from "../../../support/temp.ts";
import { serve } from "../../../support/tool-workspace.ts";

const answering = (status: number) => () => serve((_request, response) => response.writeHead(status).end());

test.each<[string, () => Promise<string>]>([
  ["refuses the connection", async () => "http://127.0.0.1:1"],
  ["refuses the connection of git's own protocol", async () => "git://127.0.0.1:1"],
  ["does not know the repository", answering(404)],
  ["wants a login", answering(401)],
  ["is in trouble", answering(500)],
])("a host that %s is out of reach, with a way out", async (_name, host) => {
  const dir = await tempDirectory();
  const work = clone(testContext(dir, { env: personalGit }), { url: `${await host()}/a.git`, dir: join(dir, "a") });
  await expect(work).rejects.toMatchObject({
    code: "FLOW_GIT_UNREACHABLE",
    exitCode: 5,
    hint: expect.stringContaining("network"),
  });
  expect(existsSync(join(dir, "a"))).toBe(false);
});

test.each([
  ["a path that is not there", "/nonexistent.git", undefined],
  ["a branch that is not there", undefined, "no-such-branch"],
])("%s is no matter of the network", async (_name, path, ref) => {
  const dir = await tempDirectory();
  const upstream = join(dir, "upstream");
  await makeRepository(upstream);
  const options = { url: path ?? upstream, dir: join(dir, "a"), ...(ref === undefined ? {} : { ref }) };
  await expect(clone(testContext(dir, { env: personalGit }), options)).rejects.toMatchObject({
    code: "FLOW_GIT_FAILED",
    exitCode: 1,
  });
});

/** A clone from an HTTP server that accepts and never answers; `asked` settles with its first request. */
async function cloneFromSilence(env: Record<string, string>, signal = new AbortController().signal) {
  const dir = await tempDirectory();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const url = `${await serve(() => resolve())}/a.git`;
  const mark = { FLOW_TEST_CLONE: dir };
  const ctx = testContext(dir, { env: { ...personalGit, ...env, ...mark }, signal });
  return {
    asked,
    work: clone(ctx, { url, dir: join(dir, "a") }),
    /** Whether git and its helpers are gone. What was ended may take a moment to leave the table. */
    ended: () => poll(() => findByEnvironment("FLOW_TEST_CLONE", dir).length === 0, { timeoutMs: 5_000 }),
  };
}

test("a silent host is given up after the network timeout, and no helper of git's stays", async () => {
  const { work, ended } = await cloneFromSilence({ FLOW_NETWORK_TIMEOUT: "1" });
  await expect(work).rejects.toMatchObject({
    code: "FLOW_GIT_UNREACHABLE",
    cause: { message: expect.stringContaining("no progress for 1 s") },
  });
  expect(await ended()).toBe(true);
});

test("a clone from a silent host ends at once when it is interrupted, with git's helpers", async () => {
  const controller = new AbortController();
  const { work, asked, ended } = await cloneFromSilence({}, controller.signal);
  await Promise.race([asked, work]);
  controller.abort(new Error("interrupted"));
  await expect(work).rejects.toThrow("interrupted");
  expect(await ended()).toBe(true);
});
