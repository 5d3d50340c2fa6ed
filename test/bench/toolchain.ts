import { execa } from "execa";
import { existsSync } from "node:fs";
import { mkdir, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { basename, delimiter, join } from "node:path";
import { stringify } from "yaml";
import { makeReleases, publicKey, type Releases } from "../support/self-update.ts";
import type { Bench } from "./support/bench.ts";
import { interleave, type Case } from "./support/measure.ts";
import { comparison } from "./support/table.ts";

const npmTools = {
  buf: { npm: "@bufbuild/buf" },
  "protoc-gen-es": { npm: "@bufbuild/protoc-gen-es" },
  "protoc-gen-flow": { npm: "goflow", bin: "dist/cli/entries/protoc-gen-flow.js" },
  esbuild: { npm: "esbuild" },
};
const specs = ["npm:@bufbuild/buf@1.75.0", "npm:@bufbuild/protoc-gen-es@2.17.0", "npm:esbuild@0.28.2"];
const goSpec = "go:github.com/fullstorydev/grpcurl@v1.9.4";
const goTool = { go: "github.com/fullstorydev/grpcurl/cmd/grpcurl" };

/** Tools out of the mirror, and flow from one version to the next, each with the network out of reach. */
export async function measure(bench: Bench): Promise<string> {
  const { dir, release, env } = bench;
  const home = join(dir, "work");
  const blocked = { npm_config_registry: "http://127.0.0.1:9/", HTTPS_PROXY: "http://127.0.0.1:9/", GOPROXY: "off" };
  const flow = async (args: readonly string[], more: Record<string, string> = blocked) => {
    await execa(process.execPath, [join(release.directory, "dist/cli/main.js"), ...args], {
      cwd: home,
      env: { ...env, ...more },
      extendEnv: false,
      stdin: "ignore",
    });
  };
  const ok = async ([file = "", ...args]: readonly string[]) =>
    (await execa(file, args, { cwd: dir, env, extendEnv: false, stdin: "ignore" })).stdout;
  const releases = await makeReleases({ ok });
  const hasGo = (env.PATH ?? "").split(delimiter).some((path) => existsSync(join(path, "go")));
  await makeWorkspace(home, { tools: { ...npmTools, ...(hasGo ? { grpcurl: goTool } : {}) }, releases });
  await flow(["vendor", "init", join(home, "src/example.com/acme/vendor"), "--remote", join(home, "mirror.git")], {});
  const all = [`file:${releases.tarballs["1.0.0"]}`, ...specs, ...(hasGo ? [goSpec] : [])];
  await flow(["vendor", "add", ...all], env);
  await flow(["vendor", "push"], {});

  const forget = () => rm(join(home, "pkg/tools"), { recursive: true, force: true });
  const install = (names: readonly string[]) => () => flow(["tool", "install", ...names]);
  const npmNames = Object.keys(npmTools);
  const cold = `${npmNames.join(", ")}: none installed`;
  const tools: Case[] = [
    { name: cold, prepare: forget, run: install(npmNames) },
    { name: "the same, all installed", prepare: install(npmNames), run: install(npmNames) },
  ];
  const first: Case = { name: "grpcurl, a Go tool: nothing compiled yet (measured once)", run: install(["grpcurl"]) };
  const go: Case = { name: "grpcurl: compiled before", prepare: forget, run: install(["grpcurl"]) };
  const compiling = hasGo ? await interleave([first], { rounds: 1 }) : [];
  const installed = [...(await interleave(hasGo ? [...tools, go] : tools, { rounds: 3 })), ...compiling];

  await flow(["self-update"]);
  await flow(["vendor", "add", `file:${releases.tarballs["1.1.0"]}`], env);
  await flow(["vendor", "push"], {});
  const inUse = async () => basename(await readlink(join(home, "pkg/current/flow")));
  const update = "`flow self-update`: a version that is not here yet";
  const moved = await interleave(
    [
      {
        name: update,
        prepare: async () => {
          if ((await inUse()) === "1.1.0") await flow(["self-update", "--rollback"]);
          await rm(join(home, "pkg/flow/1.1.0"), { recursive: true, force: true });
        },
        run: () => flow(["self-update"]),
      },
      {
        name: "`flow self-update --rollback`",
        prepare: async () => {
          if ((await inUse()) === "1.0.0") await flow(["self-update"]);
        },
        run: () => flow(["self-update", "--rollback"]),
      },
    ],
    { rounds: 3 },
  );
  return [
    "Tools out of the mirror on this machine, with the network out of reach: each is written from what is committed there, started once, and put into place.",
    comparison(installed, cold),
    "From one release to the next, out of the mirror: looked for, fetched, its signature and every file checked, Node and tools brought, started once, and switched to.",
    comparison(moved, update),
  ].join("\n\n");
}

async function makeWorkspace(home: string, { tools, releases }: { tools: object; releases: Releases }): Promise<void> {
  await mkdir(join(home, "bin"), { recursive: true });
  await symlink(process.execPath, join(home, "bin/node"));
  const definition = {
    organization: "acme",
    module: "example.com/acme",
    mirror: { url: "./mirror.git" },
    tools,
    update: { keys: [await publicKey(releases.key)] },
  };
  await writeFile(join(home, "flow.yaml"), stringify(definition));
}
