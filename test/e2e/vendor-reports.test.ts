import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { addSources } from "../../src/vendoring/index.ts";
import { flow } from "../support/flow.ts";
import { commitFiles, git } from "../support/git-repository.ts";
import { setUpMirror } from "../support/mirror.ts";

async function json(args: readonly string[], options: { cwd: string; env: Record<string, string> }) {
  const run = await flow([...args, "--json"], options);
  return { ...run, answer: JSON.parse(run.stdout || "{}") as Record<string, unknown> };
}

test("outdated tells what a range allows and what is newest, of packages and of git tags and branches", async () => {
  const { env, ctx, registry, mirror, upstream, options } = await setUpMirror();
  registry.publish(
    { name: "left", version: "1.0.0", dependencies: { deep: "^1.0.0" } },
    { name: "deep", version: "1.0.0" },
    { name: "still", version: "1.0.0" },
  );
  await git(upstream, ["tag", "v1.9.0"]);
  await addSources(ctx, mirror, ["npm:left@^1", "npm:still@^1"], options);
  await addSources(ctx, mirror, [`${upstream}@v1.9.0`], { ...options, prefix: "host/tagged" });
  await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "host/branch" });
  expect((await json(["vendor", "outdated"], { cwd: mirror, env })).answer).toMatchObject({ outdated: [] });

  registry.publish(
    { name: "left", version: "1.4.0" },
    { name: "left", version: "2.0.0" },
    { name: "deep", version: "1.0.1" },
  );
  const head = await commitFiles(upstream, { "README.md": "# newer\n" });
  for (const tag of ["v1.10.0", "v2.0.0-rc.1", "other-9.9.9"]) await git(upstream, ["tag", tag]);
  const { answer } = await json(["vendor", "outdated"], { cwd: mirror, env });
  expect(answer.outdated).toEqual([
    {
      prefix: "host/branch",
      source: upstream,
      current: "main",
      wanted: `main at ${head.slice(0, 9)}`,
      latest: `main at ${head.slice(0, 9)}`,
    },
    { prefix: "host/tagged", source: upstream, current: "v1.9.0", wanted: "v1.9.0", latest: "v1.10.0" },
    { prefix: "node_modules/left", source: "npm:left", current: "1.0.0", wanted: "1.4.0", latest: "2.0.0" },
  ]);
  const all = await flow(["vendor", "outdated", "--all"], { cwd: mirror, env });
  expect(all.stdout).toMatch(/node_modules\/deep +1\.0\.0 +1\.0\.0 +1\.0\.1/);
});

test("licenses --check exits with 1 until the rules in flow.yaml let all pass", async () => {
  const { env, ctx, registry, mirror, options } = await setUpMirror();
  registry.publish(
    { name: "free", version: "1.0.0", license: "MIT" },
    { name: "copyleft", version: "1.0.0", license: "GPL-3.0-only" },
  );
  await addSources(ctx, mirror, ["npm:free", "npm:copyleft"], options);
  await writeFile(join(mirror, "flow.yaml"), "vendor:\n  licenses: { deny: [GPL-3.0-only] }\n");
  const denied = await json(["vendor", "licenses", "--check"], { cwd: mirror, env });
  expect(denied).toMatchObject({ exitCode: 1, answer: { problems: [{ prefix: "node_modules/copyleft" }] } });
  await writeFile(join(mirror, "flow.yaml"), "vendor:\n  licenses: { deny: [GPL-3.0-only], accept: [copyleft] }\n");
  const accepted = await flow(["vendor", "licenses", "--check"], { cwd: mirror, env });
  expect(accepted).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/GPL-3\.0-only +1 +copyleft/) });
});

test("list --why names who needs each place of a package, and through whom", async () => {
  const { env, ctx, registry, mirror, options } = await setUpMirror();
  registry.publish(
    { name: "top", version: "1.0.0", dependencies: { middle: "^1.0.0", leaf: "^2.0.0" } },
    { name: "middle", version: "1.0.0", dependencies: { leaf: "^1.0.0" } },
    { name: "leaf", version: "1.0.0" },
    { name: "leaf", version: "2.0.0" },
  );
  await addSources(ctx, mirror, ["npm:top"], options);
  const { answer } = await json(["vendor", "list", "--why", "leaf"], { cwd: mirror, env });
  expect(answer.why).toEqual([
    {
      prefix: "node_modules/leaf",
      version: "2.0.0",
      neededBy: [{ by: "node_modules/top", range: "^2.0.0" }],
      chains: [["package.json", "node_modules/top", "node_modules/leaf"]],
    },
    {
      prefix: "node_modules/middle/node_modules/leaf",
      version: "1.0.0",
      neededBy: [{ by: "node_modules/middle", range: "^1.0.0" }],
      chains: [["package.json", "node_modules/top", "node_modules/middle", "node_modules/middle/node_modules/leaf"]],
    },
  ]);
  const text = await flow(["vendor", "list", "--why", "top"], { cwd: mirror, env });
  expect(text.stdout).toContain("needed by package.json as ^1.0.0");
  const unknown = await flow(["vendor", "list", "--why", "leav"], { cwd: mirror, env });
  expect(unknown).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('did you mean "leaf"') });
});
