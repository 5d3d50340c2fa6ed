import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { thisPlatform } from "../../../src/toolchain/platform.ts";
import { addSources, keepArchives, openMirror } from "../../../src/vendoring/index.ts";
import { flow } from "../../support/flow.ts";
import { setUpMirror } from "../../support/mirror.ts";
import { packageTarball } from "../../support/tarball.ts";

interface Content {
  node: Buffer;
  tools: Record<string, string>;
}

/** A release of flow that says what it runs on and what it was tested with. */
async function packRelease(dir: string, version: string, { node, tools }: Content): Promise<string> {
  const path = join(dir, `goflow-${version}.tgz`);
  const hash = createHash("sha512").update(node).digest("hex");
  const platform = thisPlatform.toUpperCase().replace("-", "_");
  const manifest = { format: 1, name: "goflow", version, channel: "stable", node: ">=24", tools, keys: [], files: {} };
  await writeFile(
    path,
    packageTarball(
      { name: "goflow", version, license: "MIT" },
      {
        "release.json": JSON.stringify(manifest),
        "bin/pins.sh": `FLOW_NODE_VERSION=${version}\nFLOW_NODE_SHA512_${platform}=${hash}\n`,
      },
    ),
  );
  return path;
}

test("a release brings what it was tested with into the mirror, and its Node; what the team chose itself stays", async () => {
  const { ctx, dir, mirror, env, registry, options } = await setUpMirror();
  const node = (version: string) => packageTarball({ name: `node-${thisPlatform}`, version }, { "bin/node": version });
  for (const version of ["1.0.0", "2.0.0", "3.0.0"]) {
    registry.publish({ name: "followed", version }, { name: "chosen", version });
    registry.publish({ name: `node-${thisPlatform}`, version, tarball: node(version) });
  }
  const release = async (version: string) =>
    `file:${await packRelease(dir, version, { node: node(version), tools: { followed: version, chosen: version, absent: version } })}`;
  const add = async (...specs: string[]) => {
    const added = await flow(["vendor", "add", ...specs], { cwd: mirror, env });
    expect(added, added.stderr).toMatchObject({ exitCode: 0 });
  };
  const held = async () => {
    const { prefixes } = (await openMirror(ctx, mirror)).manifest;
    return Object.fromEntries(Object.entries(prefixes).map(([prefix, { version }]) => [prefix.split("/")[1], version]));
  };
  const integrity = `sha512-${createHash("sha512").update(node("1.0.0")).digest("base64")}`;
  const archive = { prefix: `nodejs/${thisPlatform}`, file: "node.tgz", name: `node-${thisPlatform}` };
  await keepArchives(ctx, mirror, [{ ...archive, version: "1.0.0", integrity, licence: "MIT" }], options);
  await addSources(ctx, mirror, ["npm:followed@1.0.0", "npm:chosen@3.0.0", await release("1.0.0")], options);

  await add(await release("2.0.0"));
  expect(await held()).toEqual({ goflow: "2.0.0", followed: "2.0.0", chosen: "3.0.0", [thisPlatform]: "2.0.0" });
  // Named with it, a package goes where that says.
  await add(await release("3.0.0"), "npm:followed@1.0.0");
  expect(await held()).toMatchObject({ goflow: "3.0.0", followed: "1.0.0", [thisPlatform]: "3.0.0" });
});
