import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ToolDefinition } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { FlowError, isFlowError } from "../../core/errors.ts";
import type { StepControl } from "../../core/events.ts";
import { removeTree } from "../../core/files.ts";
import { download, fetchText } from "../../core/http.ts";
import { readToolLock } from "../lock-file.ts";
import { fillTemplate, lockedPlatforms, thisPlatform } from "../platform.ts";
import { readZipEntry } from "../zip.ts";
import type { Candidate, Filled, ToolRequest } from "./source.ts";

/**
 * A release archive, checked against its published list of SHA-256 sums and against tools-lock.json.
 * @throws FlowError FLOW_TOOL_HASH when a sum is missing or differs, FLOW_HTTP_FAILED, FLOW_TIMEOUT
 */
export async function releaseCandidate(ctx: FlowContext, request: ToolRequest): Promise<Candidate> {
  const { name, tool, workspace } = request;
  const version = requireVersion(request);
  const locked = (await readToolLock(workspace.paths))[name];
  const lockedSums = locked?.version === version ? locked.sha256 : undefined;
  const lockedSum = lockedSums?.[thisPlatform];
  const release = tool.release ?? { url: "" };
  return {
    version,
    source: "release",
    identity: lockedSum === undefined ? undefined : `sha256:${lockedSum}`,
    fill: async (staging, control) => {
      const url = fillTemplate(release.url, version);
      // Whoever locked it saw the whole list: what is published for a platform since then, nobody has looked at.
      if (lockedSums !== undefined && lockedSum === undefined && release.sums !== undefined)
        throw notLocked(request, version);
      const published =
        lockedSum === undefined ? await publishedSums(ctx, release, version) : { [thisPlatform]: lockedSum };
      const sha256 = published[thisPlatform];
      if (sha256 === undefined) {
        const list = release.sums === undefined ? workspace.paths.file : fillTemplate(release.sums, version);
        throw new FlowError("FLOW_TOOL_HASH", `${list} lists no ${basename(url)} for ${thisPlatform}`, {
          hint: `there may be no ${name} ${version} for ${thisPlatform}, or the "sums" in flow.yaml are not its own`,
        });
      }
      const program = release.path ?? name;
      await fetchProgram(ctx, { name, url, sha256, program, staging, control });
      return {
        identity: `sha256:${sha256}`,
        program: join("bin", basename(program)),
        node: false,
        lock: { version, sha256: published },
      };
    },
  };
}

function notLocked({ name }: ToolRequest, version: string): FlowError {
  return new FlowError("FLOW_TOOL_HASH", `tools-lock.json has no hash of ${name} ${version} for ${thisPlatform}`, {
    hint: `there was no such archive when the lock was made. If there is one now, take the entry "${name}" out of tools-lock.json, install it again, and look at what the lock says then`,
  });
}

export function requireVersion({ name, tool, workspace }: ToolRequest): string {
  if (tool.version !== undefined) return tool.version;
  throw new FlowError("FLOW_CONFIG_INVALID", `${workspace.paths.file}: tools.${name} has no version`, {
    hint: "a tool that is downloaded or built must name its exact version",
  });
}

/** Sums of every platform that flow.yaml or the list knows: `<hex>  <file>` per line, as sha256sum writes it. */
async function publishedSums(
  ctx: FlowContext,
  release: NonNullable<ToolDefinition["release"]>,
  version: string,
): Promise<Record<string, string>> {
  if (release.sums === undefined) return { ...release.sha256 };
  const text = await fetchText(ctx, fillTemplate(release.sums, version));
  const byFile = new Map(
    text.split("\n").flatMap((line): [string, string][] => {
      const [, sum, file] = /^([0-9a-f]{64}) [ *](.+)$/i.exec(line.trim()) ?? [];
      return sum === undefined || file === undefined ? [] : [[basename(file), sum.toLowerCase()]];
    }),
  );
  const found = lockedPlatforms.flatMap((platform): [string, string][] => {
    const sum = byFile.get(basename(fillTemplate(release.url, version, platform)));
    return sum === undefined ? [] : [[platform, sum]];
  });
  return Object.fromEntries(found);
}

interface Fetch {
  name: string;
  url: string;
  sha256: string;
  program: string;
  staging: string;
  control: StepControl;
}

async function fetchProgram(
  ctx: FlowContext,
  { name, url, sha256, program, staging, control }: Fetch,
): Promise<Filled | void> {
  const archive = join(staging, "archive");
  await download(ctx, url, archive, {
    sha256,
    onProgress: (received, total) =>
      control.progress("MB", megabytes(received), total === undefined ? undefined : megabytes(total)),
  }).catch((error: unknown) => {
    throw isWrongDigest(error) ? new FlowError("FLOW_TOOL_HASH", error.message, { hint: wrongHashHint }) : error;
  });
  const target = join(staging, "bin", basename(program));
  await mkdir(dirname(target));
  if (url.endsWith(".zip")) {
    await writeFile(target, readZipEntry(await readFile(archive), program));
  } else if (/\.(tar\.gz|tgz)$/.test(url)) {
    const { extract } = await import("tar");
    const unpacked = join(staging, "unpacked");
    await mkdir(unpacked);
    await extract({ file: archive, cwd: unpacked, strict: true }, [program]);
    await rename(join(unpacked, program), target).catch((error: unknown) => {
      throw new FlowError("FLOW_TOOL_BROKEN", `the archive of ${name} holds no ${program}`, { cause: error });
    });
    await removeTree(unpacked);
  } else {
    await rename(archive, target);
  }
  await removeTree(archive);
  await chmod(target, 0o755);
}

const wrongHashHint =
  "the archive was changed on the way or replaced where it comes from, and nothing of it was kept: do not use it. " +
  "The hash is that of tools-lock.json, else of the published list";

/** Only a digest that differs is final without an answer of the server's. */
function isWrongDigest(error: unknown): error is FlowError {
  return isFlowError(error, "FLOW_HTTP_FAILED") && error.details?.final === true && error.details.status === undefined;
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
