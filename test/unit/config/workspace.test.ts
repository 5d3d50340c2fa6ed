import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { findWorkspaceRoot, loadWorkspace, loadWorkspaceAt } from "../../../src/config/index.ts";
import { tempDirectory } from "../../support/temp.ts";

const minimal = "organization: acme\nmodule: example.com/acme\nmirror:\n  url: mirror.git\n";

async function workspace(files: Record<string, string>): Promise<string> {
  const dir = await tempDirectory();
  for (const [name, text] of Object.entries({ "flow.yaml": minimal, ...files })) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
  return dir;
}

test("layers win in order: flow.yaml, config, the data centre's, the personal one, environment", async () => {
  const home = await workspace({
    "flow.yaml": `${minimal}consul: embedded\nenv: {A: flow, B: flow, C: flow, D: flow}\n`,
    "config/team.yaml": "env: {B: team, C: team, D: team}\ndatacentre: sg\n",
    "config/dc/sg.yaml": "env: {C: sg, D: sg}\n",
    "config/dc/cn.yaml": "env: {C: cn}\n",
    "config/local.yaml": "env: {D: local}\nconsul: real\n",
  });
  const { definition, origins } = await loadWorkspaceAt(home, {});
  expect(definition.env).toEqual({ A: "flow", B: "team", C: "sg", D: "local" });
  expect(definition.consul).toBe("real");
  expect(origins.get("env.C")).toBe(join(home, "config/dc/sg.yaml"));
  expect(origins.get("consul")).toBe(join(home, "config/local.yaml"));
  const other = await loadWorkspaceAt(home, { FLOW_CONSUL: "embedded", FLOW_DATACENTRE: "cn" });
  expect(other.definition).toMatchObject({ consul: "embedded", datacentre: "cn", env: { C: "cn" } });
  expect(other.origins.get("consul")).toBe("environment");
});

test("a workspace is found from below, past the flow.yaml of a repository", async () => {
  const home = await workspace({ "src/example.com/acme/shop/flow.yaml": "services: {}\n" });
  const found = await loadWorkspace({ cwd: join(home, "src/example.com/acme/shop"), env: {} });
  expect(found.paths.home).toBe(home);
  expect(found.paths.mirror).toBe(join(home, "src/example.com/acme/vendor"));
});

test.each([
  [
    "an unknown key",
    { "flow.yaml": `${minimal}organisation: x\n` },
    /flow\.yaml:5: unknown key "organisation"; did you mean "organization"\?/,
  ],
  [
    "a key that only flow.yaml may hold",
    { "config/local.yaml": "module: example.com/other\n" },
    /local\.yaml:1: unknown key "module"/,
  ],
  [
    "a bad module",
    { "flow.yaml": minimal.replace("example.com/acme", "../acme") },
    /flow\.yaml:2: module: must be an import path/,
  ],
])("%s is named with file and line", async (_name, files, expected) => {
  const home = await workspace(files as Record<string, string>);
  await expect(loadWorkspaceAt(home, {})).rejects.toThrow(expected);
});

test("outside of any workspace the way to make one is told", async () => {
  await expect(loadWorkspace({ cwd: await tempDirectory(), env: {} })).rejects.toMatchObject({
    code: "FLOW_NOT_A_WORKSPACE",
    hint: expect.stringContaining("flow bootstrap"),
  });
});

test("only a key of the document itself makes a flow.yaml a workspace's", async () => {
  const dir = await tempDirectory();
  const root = async (text: string) => {
    await writeFile(join(dir, "flow.yaml"), text);
    return await findWorkspaceRoot({ cwd: dir, env: {} });
  };
  expect(await root("# organization: acme\nservices:\n  organization: {command: [sleep, '1']}\n")).toBeUndefined();
  expect(await root("organizations: [acme]\n")).toBeUndefined();
  expect(await root("services: {}\n'organization' : acme\n")).toBe(dir);
  expect(await root("module: example.com/acme\r\n")).toBe(dir);
});
