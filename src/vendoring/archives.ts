import pacote from "pacote";
import type { FlowContext } from "../core/context.ts";
import { step } from "../core/events.ts";
import { changeMirror } from "./change.ts";
import { explainNpm } from "./npm/explain.ts";
import { npmSettings } from "./npm/settings.ts";
import type { AddOptions, AddResult, Incoming } from "./types.ts";

export interface WantedArchive {
  prefix: string;
  /** Name of the one file below the prefix. */
  file: string;
  /** Package of the registry whose tarball it is. */
  name: string;
  version: string;
  /** SRI that its bytes must have. */
  integrity: string;
  licence: string;
}

/**
 * Holds registry tarballs in the mirror as they are, compressed: programs whose unpacked file no forge takes.
 * @throws FlowError FLOW_VENDOR_FETCH
 */
export async function keepArchives(
  ctx: FlowContext,
  dir: string,
  archives: readonly WantedArchive[],
  options: AddOptions,
): Promise<AddResult> {
  const purpose = `keeping ${archives.map(({ name }) => name).join(", ")} in the mirror`;
  return await changeMirror(ctx, dir, { purpose, options }, async () => ({
    git: [],
    npm: undefined,
    archives: await step(ctx, { id: "vendor.fetch-archives", title: "Fetching archives" }, async ({ progress }) => {
      const incoming: Incoming[] = [];
      for (const archive of archives) {
        progress(`${archive.name}@${archive.version}`, incoming.length, archives.length);
        incoming.push(await fetchArchive(ctx, archive, options.cache));
      }
      return incoming;
    }),
  }));
}

async function fetchArchive(ctx: FlowContext, archive: WantedArchive, cache: string): Promise<Incoming> {
  const { prefix, file, name, version, integrity, licence } = archive;
  const id = `${name}@${version}`;
  const own = { ours: [], provided: new Map() };
  const settings = await npmSettings(ctx, { cache, projects: [ctx.cwd], own });
  const data = await pacote.tarball(id, { ...settings, integrity } as never).catch((error: unknown) => {
    throw explainNpm(error, id, settings);
  });
  return {
    prefix,
    source: `archive:${name}`,
    ref: version,
    version,
    integrity,
    licence,
    subject: `${name} ${version}`,
    content: { files: [{ path: file, mode: "100644", data }] },
  };
}
