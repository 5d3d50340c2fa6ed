import { z } from "zod";
import { FlowError } from "../core/errors.ts";
import { formatJson, parseJson } from "../core/json.ts";
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
  patched: z.boolean(),
});

const schema = z.strictObject({ version: z.literal(1), prefixes: z.record(z.string(), entry) });

/** @throws FlowError FLOW_VENDOR_BAD_MANIFEST naming the prefix and what is wrong with it */
export function parseManifest(text: string): Manifest {
  const result = schema.safeParse(parseJson(text, manifestFile));
  if (result.success) return result.data as Manifest;
  const issue = result.error.issues[0];
  throw new FlowError("FLOW_VENDOR_BAD_MANIFEST", `${manifestFile}: ${issue?.path.join(" › ")}: ${issue?.message}`, {
    hint: "take the file back from git: git checkout HEAD -- vendor-manifest.json",
  });
}

/** Sorted, every prefix a group of lines of its own, so that two people's additions merge. */
export function formatManifest(manifest: Manifest): string {
  const sorted = Object.entries(manifest.prefixes).sort(([a], [b]) => (a < b ? -1 : 1));
  return formatJson({
    version: 1,
    prefixes: Object.fromEntries(sorted.map(([prefix, value]) => [prefix, ordered(value)])),
  });
}

function ordered({
  source,
  ref,
  version,
  commit,
  tree,
  integrity,
  squash,
  licence,
  patched,
}: PrefixEntry): PrefixEntry {
  return {
    source,
    ref,
    ...(version === undefined ? {} : { version }),
    commit,
    tree,
    ...(integrity === undefined ? {} : { integrity }),
    squash,
    licence,
    patched,
  };
}
