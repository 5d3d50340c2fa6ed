import { createHash } from "node:crypto";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { z } from "zod";
import { FlowError } from "../../core/errors.ts";

export const manifestName = "release.json";
export const signatureName = "release.sig";

const schema = z.object({
  format: z.literal(1),
  name: z.literal("goflow"),
  version: z.string().regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/),
  channel: z.enum(["stable", "next"]),
  /** Oldest Node that it runs on. */
  node: z.string(),
  /** Versions of npm packages and of tools that it was tested with, by name. */
  tools: z.record(z.string(), z.string()),
  /** Public keys whose releases it takes. */
  keys: z.array(z.string()),
  /** SHA-256 of every file of the release but the manifest and its signature, by path. */
  files: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)),
});

/** What a release says about itself, in `release.json` at its top; `release.sig` signs the file's bytes. */
export type ReleaseManifest = z.infer<typeof schema>;

/** @throws FlowError FLOW_UPDATE_BAD_RELEASE */
export function parseReleaseManifest(bytes: Uint8Array): ReleaseManifest {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch (error) {
    throw new FlowError("FLOW_UPDATE_BAD_RELEASE", `${manifestName} of the release is none that this flow reads`, {
      cause: error instanceof z.ZodError ? error.issues[0]?.message : error,
      hint: "a release this new may need steps in between: flow self-update --to an earlier version",
    });
  }
}

/**
 * Compares a release's files with its manifest. `node_modules/`, which a mirror may hold within the package, are
 * packages of their own.
 * @throws FlowError FLOW_UPDATE_BAD_RELEASE naming the files that differ, are missing, or are too many
 */
export async function checkFiles(directory: string, { files, version }: ReleaseManifest): Promise<void> {
  const found = await listFiles(directory);
  const faults: string[] = [];
  for (const [path, expected] of Object.entries(files)) {
    if (!found.delete(path)) faults.push(`${path} is missing`);
    else if ((await sha256(join(directory, path))) !== expected) faults.push(`${path} is not what was signed`);
  }
  faults.push(...[...found].map((path) => `${path} does not belong to it`));
  if (faults.length === 0) return;
  const shown = faults.length > 5 ? [...faults.slice(0, 5), `and ${faults.length - 5} more`] : faults;
  throw new FlowError("FLOW_UPDATE_BAD_RELEASE", `flow ${version} is not the release that was signed`, {
    cause: shown.join("\n"),
    hint: "nothing of it was taken. Was it patched in the mirror? Then sign a release of your own (docs/security.md)",
  });
}

async function listFiles(directory: string): Promise<Set<string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  const own = [manifestName, signatureName];
  const paths = files.map((path) => relative(directory, path));
  return new Set(paths.filter((path) => !own.includes(path) && !path.startsWith("node_modules/")));
}

/** A link is none of a release's files, whatever it points to. */
async function sha256(path: string): Promise<string | undefined> {
  if (!(await lstat(path)).isFile()) return undefined;
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}
