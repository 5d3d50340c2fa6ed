import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runDirectory } from "../support/run-directory.ts";

const yaml = `
services:
  api:
    command: |
      echo "token $TOKEN and key $KEY, hidden in $TOKEN"; echo "$KEY" > seen; sleep 600
    ready: {log: token}
    env:
      PLAIN: shown
      TOKEN: {secret: [sh, ./vault.sh]}
      KEY: {secretFile: key.pem}
`;

async function textsBelow(dir: string): Promise<string> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  return (await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), "latin1")))).join("\n");
}

test("secrets reach the service, and neither the log, flow ps, nor any file of the run", async () => {
  const run = await runDirectory(yaml, {
    files: { "vault.sh": 'echo "s3cr3t-of-$VAULT_SESSION"\n', "key.pem": "line-one\nline-two\n" },
    env: { VAULT_SESSION: "ada" },
  });
  const started = await run.flow("run", "-d");
  expect(started).toMatchObject({ exitCode: 0 });
  expect(await readFile(join(run.dir, "seen"), "utf8")).toBe("line-one\nline-two\n");
  const { stdout: logs } = await run.flow("logs", "api");
  expect(logs).toContain("token *** and key ***");
  expect(logs).toContain("***, hidden in ***");
  const { stdout: ps } = await run.flow("ps", "--json");
  const said = [started.stdout, started.stderr, logs, ps, await textsBelow(join(run.dir, ".flow"))].join("\n");
  expect(said).not.toMatch(/s3cr3t-of|line-one|line-two/);
});

test("a secret is read anew at each start", async () => {
  const run = await runDirectory(yaml, { files: { "vault.sh": "echo first-value\n", "key.pem": "old-key\n" } });
  await run.flow("run", "-d");
  await run.write("key.pem", "new-key\n");
  expect(await run.flow("restart", "api")).toMatchObject({ exitCode: 0 });
  expect(await readFile(join(run.dir, "seen"), "utf8")).toBe("new-key\n");
});

test.each([
  ["fails", "echo please sign in >&2; exit 4", /secret TOKEN: sh \.\/vault\.sh exited with 4: please sign in/],
  ["gives nothing", "exit 0", /secret TOKEN: sh \.\/vault\.sh gave nothing/],
])("a service whose secret %s is not started, and the run says why", async (_name, script, expected) => {
  const run = await runDirectory(yaml, { files: { "vault.sh": `${script}\n`, "key.pem": "key\n" } });
  const { exitCode, stderr, stdout } = await run.flow("run");
  expect(exitCode).toBe(1);
  expect(stdout + stderr).toMatch(expected);
});

test("a stop does not wait for a password manager that waits for a person", async () => {
  const run = await runDirectory(yaml, { files: { "vault.sh": "touch asked; sleep 600\n", "key.pem": "key\n" } });
  const running = run.start("run");
  await expect.poll(() => readdir(run.dir), { timeout: 30_000 }).toContain("asked");
  running.kill("SIGINT");
  expect((await running.ended).exitCode).toBe(130);
  expect(run.alive()).toEqual([]);
});
