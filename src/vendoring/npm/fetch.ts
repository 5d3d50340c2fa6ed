import { setMaxListeners } from "node:events";
import pacote from "pacote";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import type { StepControl } from "../../core/events.ts";
import { readArchive } from "../archive.ts";
import { parsePackage, type PackageManifest } from "../git/package.ts";
import { packageNameOf } from "../sources.ts";
import type { Incoming, UpstreamFile } from "../types.ts";
import { explainNpm } from "./explain.ts";
import { licenceOf } from "./licence.ts";
import type { ResolvedPackage } from "./resolve.ts";
import type { NpmSettings } from "./settings.ts";

const parallel = 12;

export interface PackageBatch {
  packages: readonly Pick<
    ResolvedPackage,
    "location" | "name" | "registryName" | "version" | "resolved" | "integrity"
  >[];
  /** What was asked for, by location; of all others the exact version. */
  ranges: ReadonlyMap<string, string>;
  progress: StepControl["progress"];
}

/**
 * Fetches packages, verified against their integrity before anything is read, and reads their archives.
 * @throws FlowError FLOW_VENDOR_FETCH, FLOW_VENDOR_BAD_ARCHIVE
 */
export async function fetchPackages(
  ctx: FlowContext,
  settings: NpmSettings,
  { packages, ranges, progress }: PackageBatch,
): Promise<Incoming[]> {
  const incoming: Incoming[] = [];
  const queue = [...packages];
  // npm's libraries hang a listener per request on each kept socket; Node would warn the user of a leak.
  setMaxListeners(0);
  const failed = new AbortController();
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined && !failed.signal.aborted; next = queue.shift()) {
      ctx.signal.throwIfAborted();
      incoming.push(await fetchPackage(settings, next, ranges.get(next.location) ?? next.version));
      progress(`${next.name}@${next.version}`, incoming.length, packages.length);
    }
  };
  const workers = Array.from({ length: Math.min(parallel, packages.length) }, () =>
    worker().catch((error: unknown) => {
      failed.abort();
      throw error;
    }),
  );
  await Promise.all(workers);
  return incoming.sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
}

async function fetchPackage(
  settings: NpmSettings,
  wanted: PackageBatch["packages"][number],
  ref: string,
): Promise<Incoming> {
  const id = `${wanted.registryName}@${wanted.version}`;
  const options = {
    ...settings,
    // npm's library reads the packument again; the resolver has left the full one in the cache.
    ...(wanted.resolved === undefined ? {} : { resolved: wanted.resolved, fullMetadata: true }),
    ...(wanted.integrity === undefined ? {} : { integrity: wanted.integrity }),
  };
  const tarball = (await pacote.tarball(id, options as never).catch((error: unknown) => {
    throw explainNpm(error, id, settings);
  })) as Buffer & { integrity?: string };
  const integrity = wanted.integrity ?? String(tarball.integrity);
  const files = await readArchive(tarball, id);
  const { location: prefix, registryName, version } = wanted;
  return packageIncoming({ prefix, source: `npm:${registryName}`, ref, version, integrity, files });
}

interface PackageParts {
  prefix: string;
  source: string;
  ref: string;
  version: string;
  integrity: string;
  files: readonly UpstreamFile[];
}

export function packageIncoming({ files, source, version, ...rest }: PackageParts): Incoming {
  const name = packageNameOf({ source });
  return {
    ...rest,
    source,
    version,
    licence: licenceOf(packageManifest(files, name)),
    subject: `${name} ${version}`,
    content: { files },
  };
}

/** package.json of an unpacked package. @throws FlowError FLOW_VENDOR_BAD_ARCHIVE when it has none */
export function packageManifest(files: readonly UpstreamFile[], name: string): PackageManifest {
  const file = files.find(({ path }) => path === "package.json");
  const manifest = file === undefined ? undefined : parsePackage(Buffer.from(file.data).toString("utf8"));
  if (manifest !== undefined) return manifest;
  throw new FlowError("FLOW_VENDOR_BAD_ARCHIVE", `${name}: its archive holds no readable package.json`);
}
