import pacote from "pacote";
import type { FlowContext } from "../../core/context.ts";
import { FlowError, messageOf } from "../../core/errors.ts";
import type { StepControl } from "../../core/events.ts";
import { readArchive } from "../archive.ts";
import type { Incoming, UpstreamFile } from "../types.ts";
import { licenceOf } from "./licence.ts";
import type { ResolvedPackage } from "./resolve.ts";
import type { NpmSettings } from "./settings.ts";

const parallel = 12;

/** Fetches packages, verified against their integrity, and reads their archives. */
export async function fetchPackages(
  ctx: FlowContext,
  settings: NpmSettings,
  {
    packages,
    ranges,
    progress,
  }: { packages: readonly ResolvedPackage[]; ranges: ReadonlyMap<string, string>; progress: StepControl["progress"] },
): Promise<Incoming[]> {
  const incoming: Incoming[] = [];
  const queue = [...packages];
  let done = 0;
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      ctx.signal.throwIfAborted();
      incoming.push(await fetchPackage(settings, next, ranges.get(next.location) ?? next.version));
      progress(`${next.name}@${next.version}`, ++done, packages.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, packages.length) }, worker));
  return incoming.sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
}

async function fetchPackage(settings: NpmSettings, wanted: ResolvedPackage, ref: string): Promise<Incoming> {
  const id = `${wanted.registryName}@${wanted.version}`;
  let tarball: Buffer & { integrity?: string };
  try {
    tarball = (await pacote.tarball(id, {
      ...settings,
      ...(wanted.resolved === undefined ? {} : { resolved: wanted.resolved }),
      ...(wanted.integrity === undefined ? {} : { integrity: wanted.integrity }),
    } as never)) as Buffer & { integrity?: string };
  } catch (error) {
    if ((error as { code?: string }).code === "EINTEGRITY") {
      throw new FlowError(
        "FLOW_VENDOR_FETCH",
        `${id}: what arrived is not what the registry promised: ${messageOf(error)}`,
        {
          cause: error,
          hint: "it was changed on the way or replaced in the registry; nothing was imported. Check the proxy or mirror it came through",
        },
      );
    }
    throw new FlowError("FLOW_VENDOR_FETCH", `${id} could not be fetched: ${messageOf(error)}`, {
      cause: error,
      hint: "check the network and the registry in .npmrc, and run the command again: what arrived is kept in the cache",
    });
  }
  const files = await readArchive(tarball, id);
  return packageIncoming({
    prefix: wanted.location,
    source: `npm:${wanted.registryName}`,
    ref,
    version: wanted.version,
    integrity: wanted.integrity ?? String(tarball.integrity ?? ""),
    files,
  });
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
  const name = source.replace(/^(npm|release):/, "");
  return {
    ...rest,
    source,
    version,
    licence: licenceOf(packageManifest(files, name)),
    subject: `${name} ${version}`,
    content: { files },
  };
}

/** package.json of an unpacked package. */
export function packageManifest(files: readonly UpstreamFile[], name: string): Record<string, unknown> {
  const file = files.find(({ path }) => path === "package.json");
  try {
    const text = Buffer.from(file?.data ?? new Uint8Array()).toString("utf8");
    const value = JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text) as unknown;
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new FlowError("FLOW_VENDOR_BAD_ARCHIVE", `${name}: its archive holds no readable package.json`);
}
