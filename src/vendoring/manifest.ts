import { z } from "zod";
import { FlowError } from "../core/errors.ts";
import type { Git } from "../core/git/index.ts";
import { formatJson, parseJson } from "../core/json.ts";
import { topFile } from "./trees.ts";
import type { Manifest, PrefixEntry } from "./types.ts";

export const manifestFile = "vendor-manifest.json";

const hash = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, "must be a git object's hash");

const entry = z.strictObject({
  source: z.string().min(1),
  ref: z.string(),
  version: z.string().optional(),
  commit: hash,
  tree: hash,
  integrity: z.string().optional(),
  squash: hash,
  licence: z.string(),
  include: z.array(z.string()).optional(),
  exclude: z.array(z.string()).optional(),
  patched: z.boolean(),
});

const fields = Object.keys(entry.shape) as (keyof PrefixEntry)[];

const schema = z.strictObject({ version: z.literal(1), prefixes: z.record(z.string(), entry) });

/** @throws FlowError FLOW_VENDOR_BAD_MANIFEST naming the prefix and what is wrong with it */
export function parseManifest(text: string): Manifest {
  const result = schema.safeParse(parseJson(text, manifestFile));
  if (result.success) return result.data as Manifest;
  const issue = result.error.issues[0];
  throw new FlowError("FLOW_VENDOR_BAD_MANIFEST", `${manifestFile}: ${issue?.path.join(" › ")}: ${issue?.message}`, {
    hint: "rebuild it from the mirror's history: flow vendor doctor --rebuild",
  });
}

/** The manifest as a commit has it; empty where there is none. @throws FlowError FLOW_VENDOR_BAD_MANIFEST */
export async function committedManifest(git: Git, commit: string): Promise<Manifest> {
  const text = await topFile(git, manifestFile, commit);
  return text === undefined ? { version: 1, prefixes: {} } : parseManifest(text);
}

/** Sorted, every prefix a group of lines of its own, so that two people's additions merge. */
export function formatManifest(manifest: Manifest): string {
  const sorted = Object.entries(manifest.prefixes).sort(([a], [b]) => (a < b ? -1 : 1));
  return formatJson({
    version: 1,
    prefixes: Object.fromEntries(sorted.map(([prefix, value]) => [prefix, ordered(value)])),
  });
}

/** The fields in one fixed order, whatever order they were put together in. */
function ordered(entry: PrefixEntry): Partial<PrefixEntry> {
  return Object.fromEntries(fields.filter((field) => entry[field] !== undefined).map((field) => [field, entry[field]]));
}
