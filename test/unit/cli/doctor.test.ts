import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkGit, checkTransport } from "../../../src/cli/doctor/machine.ts";
import { testContext } from "../../support/context.ts";
import { tempDirectory } from "../../support/temp.ts";

test.each([
  ["knows nobody", "useConfigOnly = true", { status: "warning", fix: expect.stringContaining("user.email") }],
  ["knows who commits", "name = Ada\n\temail = ada@example.com", { status: "ok" }],
])("doctor looks whether git %s", async (_name, user, expected) => {
  const dir = await tempDirectory("flow-doctor");
  const config = join(dir, "gitconfig");
  await writeFile(config, `[user]\n\t${user}\n`);
  const { PATH } = process.env;
  const ctx = testContext(dir, { env: { PATH, HOME: dir, GIT_CONFIG_GLOBAL: config, GIT_CONFIG_NOSYSTEM: "1" } });
  expect(await checkGit(ctx)).toMatchObject(expected);
});

test.each([
  [undefined, { status: "ok", detail: expect.stringContaining("the default") }],
  ["native", { status: "ok", detail: "native (FLOW_TRANSPORT)" }],
  ["nativ", { status: "problem", fix: expect.stringContaining("grpc-js or native") }],
])("doctor says which gRPC transport services take with FLOW_TRANSPORT %s", async (name, expected) => {
  const ctx = testContext("/", { env: name === undefined ? {} : { FLOW_TRANSPORT: name } });
  expect(await checkTransport(ctx)).toMatchObject(expected);
});
