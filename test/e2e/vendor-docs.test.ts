import { execa } from "execa";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { mirrorStatus, openMirror } from "../../src/vendoring/index.ts";
import { checkoutRoot } from "../support/context.ts";
import { commitFiles, git } from "../support/git-repository.ts";
import { setUpMirror } from "../support/mirror.ts";

test("every recipe of docs/vendoring.md works, in the order of the page", async () => {
  const page = await readFile(join(checkoutRoot, "docs/vendoring.md"), "utf8");
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);
  expect(blocks.length).toBeGreaterThan(10);
  const { dir, ctx, env, mirror, remote, upstream } = await setUpMirror();
  const bin = join(dir, "bin");
  await mkdir(bin);
  await writeFile(
    join(bin, "flow"),
    `#!/bin/sh\nexec "${process.execPath}" "${join(checkoutRoot, "src/cli/main.ts")}" "$@"\n`,
  );
  await chmod(join(bin, "flow"), 0o755);
  await git(dir, ["clone", "--quiet", "--bare", upstream, join(dir, "fork.git")]);
  const variables = {
    ...env,
    PATH: `${bin}:${dirname(process.execPath)}:${env.PATH}`,
    UPSTREAM: upstream,
    FORK: join(dir, "fork.git"),
  };
  for (const block of blocks) {
    if (block.includes("flow vendor update")) await commitFiles(upstream, { "a.txt": "one\n2\n3\n4\n5\n" }, "Go on");
    if (block.includes("clone-of-upstream")) await git(dir, ["clone", "--quiet", upstream, "clone-of-upstream"]);
    const { exitCode, all } = await execa("sh", ["-e", "-c", block], {
      cwd: mirror,
      env: variables,
      extendEnv: false,
      reject: false,
      all: true,
    });
    expect(exitCode, `${block}\n${all}`).toBe(0);
    if (block.includes("vendor review"))
      expect(await readFile(join(dir, "pull-request.md"), "utf8")).toContain("### `third/lib`");
    if (block.includes("vendor verify")) expect(all).toContain("are what was recorded");
    if (block.includes("read-tree")) {
      expect(await mirrorStatus(ctx, await openMirror(ctx, mirror))).toMatchObject([{ state: "clean" }]);
    }
  }
  expect(await readFile(join(dir, "clone-of-upstream/ours.txt"), "utf8")).toBe("ours\n");
  expect(await git(join(dir, "fork.git"), ["show", "from-our-mirror:ours.txt"])).toBe("ours");
  expect(await git(remote, ["log", "--format=%s", "main"])).toContain("Say what is ours");
  expect(existsSync(join(mirror, "third/lib"))).toBe(false);
});
