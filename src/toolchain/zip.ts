import { crc32, inflateRawSync } from "node:zlib";
import { FlowError } from "../core/errors.ts";

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const mostBytes = 1024 ** 3;

/**
 * One file of a ZIP archive, its checksum verified (PKWARE APPNOTE 4.3: stored or deflated, no ZIP64, no encryption).
 * Release archives are small and hold one program; the file is read as a whole.
 * @throws FlowError FLOW_TOOL_BROKEN when the archive is broken or does not hold `path`
 */
export function readZipEntry(archive: Buffer, path: string): Buffer {
  const names: string[] = [];
  for (const entry of entries(archive)) {
    names.push(entry.name);
    if (entry.name === path) return extract(archive, entry);
  }
  throw new FlowError("FLOW_TOOL_BROKEN", `the archive holds no ${path}`, { cause: `it holds: ${names.join(", ")}` });
}

interface Entry {
  name: string;
  method: number;
  crc: number;
  compressedSize: number;
  size: number;
  offset: number;
}

function* entries(archive: Buffer): Generator<Entry> {
  const end = findEnd(archive);
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  for (let index = 0; index < count; index++) {
    if (at + 46 > archive.length || archive.readUInt32LE(at) !== entrySignature)
      throw broken("its directory is cut off");
    const nameLength = archive.readUInt16LE(at + 28);
    yield {
      name: archive.toString("utf8", at + 46, at + 46 + nameLength),
      method: archive.readUInt16LE(at + 10),
      crc: archive.readUInt32LE(at + 16),
      compressedSize: archive.readUInt32LE(at + 20),
      size: archive.readUInt32LE(at + 24),
      offset: archive.readUInt32LE(at + 42),
    };
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
}

/** The end record is the last thing in the file but for a comment of up to 65,535 bytes. */
function findEnd(archive: Buffer): number {
  for (let at = archive.length - 22; at >= Math.max(0, archive.length - 22 - 0xffff); at--) {
    if (archive.readUInt32LE(at) === endSignature) return at;
  }
  throw broken("it has no directory");
}

function extract(archive: Buffer, { name, method, crc, compressedSize, size, offset }: Entry): Buffer {
  if (size > mostBytes || offset + 30 > archive.length) throw broken(`${name} is larger than the archive can hold`);
  const start = offset + 30 + archive.readUInt16LE(offset + 26) + archive.readUInt16LE(offset + 28);
  const data = archive.subarray(start, start + compressedSize);
  if (method !== 0 && method !== 8) throw broken(`${name} is compressed by method ${method}`);
  const content = method === 0 ? data : inflateRawSync(data, { maxOutputLength: size });
  if (content.length !== size || crc32(content) !== crc) throw broken(`the checksum of ${name} is wrong`);
  return content;
}

function broken(why: string): FlowError {
  return new FlowError("FLOW_TOOL_BROKEN", `the ZIP archive is broken: ${why}`);
}
