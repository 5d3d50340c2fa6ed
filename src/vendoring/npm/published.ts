import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import pacote from "pacote";
import type { FlowContext } from "../../core/context.ts";
import { readArchive } from "../archive.ts";
import { watchNetwork } from "../network.ts";
import { explainNpm } from "./explain.ts";
import { npmSettings } from "./settings.ts";

export interface PublishedPackage {
  versions: string[];
  /** Versions by dist-tag. */
  tags: Readonly<Record<string, string>>;
  /** Fetches a version, verified against its integrity, and writes its files into `directory`. */
  unpack(version: string, directory: string): Promise<void>;
}

/**
 * A package of one named registry, asked for with this machine's npm settings (proxy, tokens, authorities).
 * @throws FlowError FLOW_VENDOR_FETCH
 */
export async function publishedPackage(
  ctx: FlowContext,
  { name, registry, cache }: { name: string; registry: string; cache: string },
): Promise<PublishedPackage> {
  const own = { ours: [], provided: new Map() };
  const settings = { ...(await npmSettings(ctx, { cache, projects: [ctx.cwd], own })), registry };
  const packument = await watchNetwork(ctx, () => pacote.packument(name, settings as never)).catch((error: unknown) => {
    throw explainNpm(error, name, settings);
  });
  return {
    versions: Object.keys(packument.versions),
    tags: packument["dist-tags"],
    unpack: async (version, directory) => {
      const id = `${name}@${version}`;
      const fetched = watchNetwork(ctx, () => pacote.tarball(id, settings as never));
      const tarball = await fetched.catch((error: unknown) => {
        throw explainNpm(error, id, settings);
      });
      for (const { path, mode, data } of await readArchive(tarball, id)) {
        const target = join(directory, path);
        await mkdir(dirname(target), { recursive: true });
        if (mode === "120000") await symlink(Buffer.from(data).toString("utf8"), target);
        else await writeFile(target, data);
        if (mode === "100755") await chmod(target, 0o755);
      }
    },
  };
}
