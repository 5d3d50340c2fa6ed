import { execa } from "execa";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { tempDirectory } from "./temp.ts";

/** Why containers cannot be tested here; undefined when they can. In CI their lack is a failure. */
export const noContainers = await (async () => {
  const programs = ["podman", "runc", "busybox"];
  const found = await execa("sh", ["-c", `command -v ${programs.join(" && command -v ")}`], { reject: false });
  if (found.exitCode === 0) return undefined;
  if (process.env.CI === "true") throw new Error(`CI needs ${programs.join(", ")}`);
  return `needs ${programs.join(", ")}`;
})();

export interface TestContainers {
  /** What leads podman to a store of its own. */
  env: Record<string, string>;
  /** Holds busybox alone, with an sh, httpd and sleep. */
  image: string;
  podman(...args: string[]): Promise<string>;
}

/** A podman whose images, containers and volumes lie in a directory of their own. */
export async function testContainers(): Promise<TestContainers> {
  const dir = await tempDirectory("flow-containers");
  const conf = join(dir, "containers.conf");
  const storage = join(dir, "storage.conf");
  // Limits that a machine which is a container itself may set as well.
  await writeFile(
    conf,
    `[engine]\nruntime = "runc"\nvolume_path = "${dir}/volumes"\n[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\n`,
  );
  await writeFile(storage, `[storage]\ndriver = "vfs"\nrunroot = "${dir}/run"\ngraphroot = "${dir}/store"\n`);
  const env = { CONTAINERS_CONF: conf, CONTAINERS_STORAGE_CONF: storage };
  const podman = async (...args: string[]) => (await execa("podman", args, { env })).stdout;
  onTestFinished(async () => {
    await podman("rm", "--all", "--force", "--time", "0");
    await podman("volume", "prune", "--force");
  });
  const root = join(dir, "root");
  await mkdir(join(root, "bin"), { recursive: true });
  await execa("sh", ["-c", 'cp "$(command -v busybox)" "$1/bin/busybox"', "sh", root]);
  for (const name of ["sh", "httpd", "sleep", "cat", "echo", "env"]) await symlink("busybox", join(root, "bin", name));
  await execa("tar", ["-C", root, "-cf", join(dir, "image.tar"), "."]);
  const image = "localhost/busybox:1";
  await podman("import", join(dir, "image.tar"), image);
  return { env, image, podman };
}
