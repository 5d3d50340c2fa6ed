import { crc32, inflateRawSync } from "node:zlib";

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;

export interface ZipEntry {
  name: string;
  /** Bytes that it says it unpacks to; {@link read} gives no more. */
  size: number;
  /** Its content, the checksum verified. @throws Error saying what is broken */
  read(): Buffer;
}

/**
 * What a ZIP archive holds, in its own order (PKWARE APPNOTE 4.3: stored or deflated, no ZIP64, no encryption).
 * @throws Error saying what is broken
 */
export function readZip(archive: Buffer): ZipEntry[] {
  const end = findEnd(archive);
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  const entries: ZipEntry[] = [];
  for (let index = 0; index < count; index++) {
    if (at + 46 > archive.length || archive.readUInt32LE(at) !== entrySignature)
      throw new Error("its directory is cut off");
    const nameLength = archive.readUInt16LE(at + 28);
    const record: Record = {
      name: archive.toString("utf8", at + 46, at + 46 + nameLength),
      method: archive.readUInt16LE(at + 10),
      crc: archive.readUInt32LE(at + 16),
      compressedSize: archive.readUInt32LE(at + 20),
      size: archive.readUInt32LE(at + 24),
      offset: archive.readUInt32LE(at + 42),
    };
    entries.push({ name: record.name, size: record.size, read: () => extract(archive, record) });
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return entries;
}

interface Record {
  name: string;
  method: number;
  crc: number;
  compressedSize: number;
  size: number;
  offset: number;
}

/** The end record is the last thing in the file but for a comment of up to 65,535 bytes. */
function findEnd(archive: Buffer): number {
  for (let at = archive.length - 22; at >= Math.max(0, archive.length - 22 - 0xffff); at--) {
    if (archive.readUInt32LE(at) === endSignature) return at;
  }
  throw new Error("it has no directory");
}

function extract(archive: Buffer, { name, method, crc, compressedSize, size, offset }: Record): Buffer {
  if (offset + 30 > archive.length) throw new Error(`${name} lies outside of it`);
  const start = offset + 30 + archive.readUInt16LE(offset + 26) + archive.readUInt16LE(offset + 28);
  const data = archive.subarray(start, start + compressedSize);
  if (method !== 0 && method !== 8) throw new Error(`${name} is compressed by method ${method}`);
  const content = method === 0 ? data : inflateRawSync(data, { maxOutputLength: Math.max(1, size) });
  if (content.length !== size || crc32(content) !== crc) throw new Error(`the checksum of ${name} is wrong`);
  return content;
}
