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
  await parse(tarball, onEntry, () => contents.refusal).catch((error: unknown) => {
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
  stop: () => FlowError | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const parser = new Parser({ strict: true, onReadEntry: onEntry });
    const gunzip = createGunzip();
    gunzip.on("error", reject).on("data", (chunk: Buffer) => {
      const refusal = stop();
      if (refusal !== undefined) {
        gunzip.destroy();
        reject(refusal);
      } else {
        parser.write(chunk);
      }
    });
    gunzip.on("end", () => parser.end());
    parser.on("error", reject).on("end", () => resolve());
    Readable.from([tarball]).on("error", reject).pipe(gunzip);
  });
}
