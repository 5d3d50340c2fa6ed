import { chmod, cp, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { loadWorkspaceAt, type Workspace } from "../../src/config/index.ts";
import { checkoutRoot, testContext } from "./context.ts";
import { unpackRelease } from "./release.ts";

/** The tools of a workspace, from this checkout's development dependencies. */
const tools = {
  buf: join(checkoutRoot, "node_modules/.bin/buf"),
  "protoc-gen-es": join(checkoutRoot, "node_modules/.bin/protoc-gen-es"),
};

/**
 * A workspace as bootstrap leaves it: goflow as it is released, lying in a mirror, tools in `bin/`, links in
 * `node_modules/`. Other packages of the mirror are links to this checkout's.
 * @param packages by name, the directory of each further package; `@scope/name` of repositories below `src/example.com/acme`
 */
export async function makeCodegenWorkspace(
  home: string,
  { repositories, packages = {} }: { repositories: readonly string[]; packages?: Readonly<Record<string, string>> },
): Promise<Workspace> {
  const source = join(home, "src/example.com/acme");
  const mirror = join(source, "vendor/node_modules");
  const { directory } = await unpackRelease(mirror);
  const links = new Map(Object.entries(packages));
  for (const name of await dependenciesOf(join(checkoutRoot, "node_modules"))) {
    if (!links.has(name)) links.set(name, join(checkoutRoot, "node_modules", name));
  }
  for (const [name, target] of links) {
    await link(target, join(mirror, name));
    await link(target, join(home, "node_modules", name));
  }
  await link(directory, join(home, "node_modules/goflow"));
  for (const name of repositories) await link(join(source, name), join(home, "node_modules/@acme", name));

  await mkdir(join(home, "bin"), { recursive: true });
  for (const [name, target] of Object.entries(tools)) await link(target, join(home, "bin", name));
  const generator = join(home, "bin/protoc-gen-flow");
  await writeFile(
    generator,
    `#!/bin/sh\nexec '${process.execPath}' '${join(directory, "dist/cli/entries/protoc-gen-flow.js")}' "$@"\n`,
  );
  await chmod(generator, 0o755);
  await writeFile(
    join(home, "flow.yaml"),
    `organization: acme\nmodule: example.com/acme\nmirror: {url: ./mirror.git}\nrepositories:\n${repositories.map((name) => `  ${name}: {}\n`).join("")}`,
  );
  return await loadWorkspaceAt(home, {});
}

async function dependenciesOf(nodeModules: string): Promise<string[]> {
  const names = await readdir(nodeModules);
  const scoped = names.filter((name) => name.startsWith("@"));
  const inScopes = await Promise.all(
    scoped.map(async (scope) => (await readdir(join(nodeModules, scope))).map((name) => `${scope}/${name}`)),
  );
  return [...names.filter((name) => !name.startsWith("@") && !name.startsWith(".")), ...inScopes.flat()];
}

async function link(target: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await symlink(target, path);
}

/** Lays out the example in a workspace, with its git package, patched, where the mirror has it. */
export async function makeExampleWorkspace(home: string): Promise<{ workspace: Workspace; shop: string }> {
  const { applyExamplePatch, createExampleUpstream, exampleGitPrefix, scaffoldExample } =
    await import("../../src/codegen/index.ts");
  const { Git } = await import("../../src/core/git/index.ts");
  const ctx = testContext(home);
  const vendor = join(home, "src/example.com/acme/vendor");
  const money = join(vendor, exampleGitPrefix);
  const workspace = await makeCodegenWorkspace(home, {
    repositories: ["shop"],
    packages: { "@acme-labs/money": money },
  });
  const { url } = await createExampleUpstream(ctx, join(home, "money"));
  await cp(url, money, { recursive: true, filter: (path) => !path.includes("/.git") });
  const git = new Git(ctx, vendor);
  const identity = {
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@b",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@b",
  };
  await git.run(["init", "--quiet"]);
  await git.run(["add", exampleGitPrefix]);
  await git.run(["commit", "--quiet", "--message", "money"], { env: identity });
  await applyExamplePatch(ctx, vendor);
  const shop = join(workspace.paths.source, "shop");
  await scaffoldExample(ctx, { dir: shop, organization: "acme", name: "shop" });
  return { workspace, shop };
}
