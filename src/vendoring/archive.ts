import { createGunzip } from "node:zlib";
import { Readable } from "node:stream";
import { Parser, type ReadEntry } from "tar";
import { FlowError, messageOf } from "../core/errors.ts";
import { mostUnpacked, PackageContents } from "./contents.ts";
import type { UpstreamFile } from "./types.ts";

/**
 * Reads a package's tarball in memory, its first directory stripped as npm does.
 * @throws FlowError FLOW_VENDOR_BAD_ARCHIVE naming the entry: one that leaves the directory, is absolute, a link out of it,
 * a device, named like `.git`, differs from another in case or Unicode form only; or an archive that is broken or a bomb
 */
export async function readArchive(tarball: Uint8Array, name: string): Promise<UpstreamFile[]> {
  const contents = new PackageContents(name);
  let bytes = 0;
  const limit = mostUnpacked(tarball.length);
  const onEntry = (entry: ReadEntry) => {
    const path = contents.accept(entry);
    if (path === undefined) return entry.resume();
    if (entry.type === "SymbolicLink") {
      contents.add(entry.path, { path, mode: "120000", data: Buffer.from(entry.linkpath ?? "") });
      return entry.resume();
    }
    const chunks: Buffer[] = [];
    entry.on("data", (chunk) => {
      bytes += chunk.length;
      if (bytes > limit) contents.refuse(entry.path, "makes the package larger than any honest one");
      else chunks.push(chunk);
    });
    const mode = ((entry.mode ?? 0) & 0o100) === 0 ? "100644" : "100755";
    entry.on("end", () => contents.add(entry.path, { path, mode, data: Buffer.concat(chunks) }));
  };
  // What is no file's content is bounded too: headers of entries that are skipped, and padding.
  const onBytes = (total: number) => {
    if (total > 2 * limit) contents.refuse("its headers", "unpack to more than those of any honest package");
    return contents.refusal;
  };
  await parse(tarball, onEntry, onBytes).catch((error: unknown) => {
    throw (
      contents.refusal ??
      new FlowError("FLOW_VENDOR_BAD_ARCHIVE", `${name}: its archive is broken: ${messageOf(error)}`, { cause: error })
    );
  });
  return contents.finish();
}

function parse(
  tarball: Uint8Array,
  onEntry: (entry: ReadEntry) => void,
  onBytes: (total: number) => FlowError | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const parser = new Parser({ strict: true, onReadEntry: onEntry });
    const gunzip = createGunzip();
    let total = 0;
    // What follows the end of the archive is counted and not parsed.
    let over = false;
    parser.on("eof", () => {
      over = true;
    });
    gunzip.on("error", reject).on("data", (chunk: Buffer) => {
      total += chunk.length;
      const refusal = onBytes(total);
      if (refusal !== undefined) {
        gunzip.destroy();
        reject(refusal);
      } else if (!over) {
        parser.write(chunk);
      }
    });
    gunzip.on("end", () => parser.end());
    parser.on("error", reject).on("end", () => resolve());
    Readable.from([tarball]).on("error", reject).pipe(gunzip);
  });
}
