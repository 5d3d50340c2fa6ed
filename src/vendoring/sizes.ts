import { showPath } from "../core/bytes.ts";
import { FlowError } from "../core/errors.ts";
import type { Listings } from "./git/listing.ts";
import type { Incoming } from "./types.ts";

const megabyte = 1024 ** 2;
const defaultLimit = 95 * megabyte;

/** @throws FlowError FLOW_VENDOR_FILE_TOO_LARGE naming each file that a forge would refuse, and the choices */
export function refuseLargeFiles(
  incoming: readonly Incoming[],
  listings: Listings,
  limit: number = defaultLimit,
): void {
  const large: string[] = [];
  for (const { prefix, content } of incoming) {
    const sizes =
      "files" in content
        ? content.files.map(({ path, data }) => ({ path, bytes: data.length }))
        : (listings.get(prefix) ?? []);
    for (const { path, bytes = 0 } of sizes)
      if (bytes > limit) large.push(`${showPath(`${prefix}/${path}`)} (${Math.ceil(bytes / megabyte)} MB)`);
  }
  if (large.length === 0) return;
  throw new FlowError(
    "FLOW_VENDOR_FILE_TOO_LARGE",
    `too large for the mirror:\n${large.map((file) => `  ${file}`).join("\n")}`,
    {
      hint: "forges refuse files over 100 MB. Choose a version or a package without it; or, when your mirror's remote takes it, allow it: --max-file-size MB",
      details: { files: large },
    },
  );
}
