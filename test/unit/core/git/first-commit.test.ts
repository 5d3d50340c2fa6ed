import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { firstCommit } from "../../../../src/core/git/index.ts";
import { testContext } from "../../../support/context.ts";
import { git } from "../../../support/git-repository.ts";
import { tempDirectory } from "../../../support/temp.ts";

test("a first commit is made whatever editor, pager, askpass, certificates and templates a person has set for git", async () => {
  const dir = await tempDirectory();
  await mkdir(join(dir, "empty"));
  await writeFile(join(dir, "settings"), "[user]\n  name = Ada\n  email = ada@example.com\n");
  const env = {
    PATH: process.env.PATH,
    HOME: dir,
    EDITOR: "false",
    VISUAL: "false",
    PAGER: "false",
    SSH_ASKPASS: "false",
    GIT_ASKPASS: "false",
    GIT_SEQUENCE_EDITOR: "false",
    GIT_SSH_COMMAND: "false",
    GIT_SSL_CAINFO: "/nonexistent",
    GIT_TEMPLATE_DIR: join(dir, "empty"),
    GIT_CONFIG_GLOBAL: join(dir, "settings"),
  };
  const repository = join(dir, "repository");
  await mkdir(repository);
  await writeFile(join(repository, "a.txt"), "a");
  await firstCommit(testContext(dir, { env }), repository, "Begin");
  expect(await git(repository, ["log", "--format=%an %s", "--name-only"])).toBe("Ada Begin\n\na.txt");
});

test("where git knows nobody, flow signs a first commit itself", async () => {
  const dir = await tempDirectory();
  await writeFile(join(dir, "settings"), "[user]\n  useConfigOnly = true\n");
  const repository = join(dir, "repository");
  await mkdir(repository);
  await writeFile(join(repository, "a.txt"), "a");
  const env = { PATH: process.env.PATH, HOME: dir, GIT_CONFIG_GLOBAL: join(dir, "settings"), GIT_CONFIG_NOSYSTEM: "1" };
  await firstCommit(testContext(repository, { env }), repository, "Begin");
  expect(await git(repository, ["log", "--format=%an <%ae>, %cn <%ce>"])).toBe(
    "flow <flow@localhost>, flow <flow@localhost>",
  );
});
