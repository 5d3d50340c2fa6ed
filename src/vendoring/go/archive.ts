import { createHash } from "node:crypto";
import { FlowError, messageOf } from "../../core/errors.ts";
import { readZip, type ZipEntry } from "../../core/zip.ts";
import { mostUnpacked, PackageContents } from "../contents.ts";
import type { UpstreamFile } from "../types.ts";

/**
 * Reads a module's zip (https://go.dev/ref/mod#zip-files), its bytes held against the `h1:` sum that go.sum knows it by.
 * @throws FlowError FLOW_VENDOR_BAD_ARCHIVE naming the entry, FLOW_VENDOR_FETCH when the sum is another
 */
export function readModuleZip(
  archive: Buffer,
  { path, version, sum }: { path: string; version: string; sum: string },
): UpstreamFile[] {
  const name = `${path}@${version}`;
  const broken = (error: unknown) =>
    new FlowError("FLOW_VENDOR_BAD_ARCHIVE", `${name}: its archive is broken: ${messageOf(error)}`, { cause: error });
  let entries: ZipEntry[];
  try {
    entries = readZip(archive);
  } catch (error) {
    throw broken(error);
  }
  const contents = new PackageContents(name);
  let bytes = 0;
  const hashes: string[] = [];
  for (const entry of entries) {
    if (entry.name.endsWith("/")) continue;
    if (!entry.name.startsWith(`${name}/`)) contents.refuse(entry.name, "leaves its directory");
    const place = contents.accept({ path: `module/${entry.name.slice(name.length + 1)}`, type: "File" });
    bytes += entry.size;
    if (bytes > mostUnpacked(archive.length))
      contents.refuse(entry.name, "makes the module larger than any honest one");
    // Nothing is unpacked once something is wrong.
    if (place === undefined || contents.refusal !== undefined) break;
    try {
      const data = entry.read();
      hashes.push(`${createHash("sha256").update(data).digest("hex")}  ${entry.name}\n`);
      contents.add(entry.name, { path: place, mode: "100644", data });
    } catch (error) {
      throw broken(error);
    }
  }
  const files = contents.finish();
  const actual = hash1(hashes);
  if (actual === sum) return files;
  throw new FlowError("FLOW_VENDOR_FETCH", `${name} is ${actual}, and go.sum says ${sum}`, {
    hint: "it was changed on the way or replaced where it comes from; nothing was imported. Check GOPROXY",
  });
}

/** The `h1:` sum (golang.org/x/mod/sumdb/dirhash, Hash1): SHA-256 over the sorted lines of SHA-256 and name. */
function hash1(lines: readonly string[]): string {
  const byName = lines.toSorted((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1));
  return `h1:${createHash("sha256").update(byName.join("")).digest("base64")}`;
}
