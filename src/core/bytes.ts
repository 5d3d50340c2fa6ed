import { isUtf8 } from "node:buffer";
import { join } from "node:path";

/**
 * Text of bytes that need not be UTF-8, such as names of files: a byte that fits nowhere becomes a lone surrogate,
 * U+DC80 to U+DCFF, and {@link encodeBytes} gives it back (PEP 383, `surrogateescape`). JSON carries such text too.
 */
export function decodeBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString("utf8");
  return buffer
    .toString("latin1")
    .replace(sequence, (match) =>
      match.length === 1
        ? String.fromCharCode(0xdc00 + match.charCodeAt(0))
        : Buffer.from(match, "latin1").toString("utf8"),
    );
}

/** RFC 3629, section 4: one well-formed sequence of several bytes, or else one byte that belongs to none. */
const sequence =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

const escaped = /([\udc80-\udcff])/u;

/** The bytes that {@link decodeBytes} made `text` of. */
export function encodeBytes(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  return Buffer.concat(
    text
      .split(escaped)
      .map((part) => (escaped.test(part) ? Buffer.from([part.charCodeAt(0) - 0xdc00]) : Buffer.from(part))),
  );
}

/** A path below `dir` as the file system takes it. */
export function pathBelow(dir: string, path: string): string | Buffer {
  return path.isWellFormed() ? join(dir, path) : Buffer.concat([Buffer.from(`${dir}/`), encodeBytes(path)]);
}

const named: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  '"': '\\"',
  "\\": "\\\\",
};

/**
 * A path for people, on one line: as it is or, with control characters or bytes that are no UTF-8, in quotes and escaped as git
 * does (git-config(1), `core.quotePath=false`).
 */
export function showPath(path: string): string {
  const shown = path.replace(/[\u0000-\u001f"\\\u007f-\u009f]|[\udc80-\udcff]/gu, (char) => {
    const octal = () => [...encodeBytes(char)].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
    return named[char] ?? octal();
  });
  return shown === path ? path : `"${shown}"`;
}
