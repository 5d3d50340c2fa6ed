import { gzipSync } from "node:zlib";
import { Header } from "tar";

export interface TarEntry {
  path: string;
  content?: string | Uint8Array;
  /** Default File. */
  type?: "File" | "SymbolicLink" | "Link" | "CharacterDevice" | "BlockDevice" | "FIFO" | "Directory";
  linkpath?: string;
  /** Default 0o644. */
  mode?: number;
}

/** A gzipped tar archive with exactly these entries, sane or not. */
export function tarball(entries: readonly TarEntry[]): Buffer {
  const parts: Buffer[] = [];
  for (const { path, content = "", type = "File", linkpath, mode = 0o644 } of entries) {
    const data = Buffer.from(content);
    const header = new Header({
      path,
      mode,
      type,
      size: type === "File" ? data.length : 0,
      mtime: new Date(499_162_500_000),
      ...(linkpath === undefined ? {} : { linkpath }),
    });
    header.encode();
    parts.push(header.block as Buffer);
    if (type === "File" && data.length > 0) parts.push(data, Buffer.alloc((512 - (data.length % 512)) % 512));
  }
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(1_024)]));
}

/** A package as npm packs it: everything below `package/`. */
export function packageTarball(manifest: object, files: Readonly<Record<string, string | Uint8Array>> = {}): Buffer {
  const all = { "package.json": `${JSON.stringify(manifest, null, 2)}\n`, ...files };
  return tarball(Object.entries(all).map(([path, content]) => ({ path: `package/${path}`, content })));
}
