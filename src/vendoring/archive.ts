import { createGunzip } from "node:zlib";
import { Readable } from "node:stream";
import { Parser, type ReadEntry } from "tar";
import { FlowError, messageOf } from "../core/errors.ts";
import { pathFault } from "./prefix.ts";
import type { UpstreamFile } from "./types.ts";

/** Limits that no honest package reaches and every bomb does. */
const mostFiles = 100_000;
const mostBytes = 2 * 1024 ** 3;
const mostRatio = 300;

/**
 * Reads a package's tarball in memory, its first directory stripped as npm does.
 * @throws FlowError FLOW_VENDOR_BAD_ARCHIVE naming the entry: one that leaves the directory, is absolute, a link out of it,
 * a device, named like `.git`, differs from another in case only; or an archive that is broken or a bomb
 */
export async function readArchive(tarball: Uint8Array, name: string): Promise<UpstreamFile[]> {
  const files = new Map<string, UpstreamFile>();
  const folded = new Map<string, string>();
  let total = 0;
  let refusal: FlowError | undefined;
  const refuse = (entry: string, why: string) => {
    refusal ??= new FlowError("FLOW_VENDOR_BAD_ARCHIVE", `${name}: entry "${entry}" ${why}`, {
      hint: "nothing of it was imported. If you trust the package, tell its authors; if you do not, do not use it",
    });
  };
  const add = (path: string, file: UpstreamFile) => {
    const same = folded.get(path.toLowerCase());
    if (same !== undefined && same !== path) return refuse(path, `differs from "${same}" in case only`);
    folded.set(path.toLowerCase(), path);
    files.set(path, file);
    if (files.size > mostFiles) refuse(path, `is one of more than ${mostFiles} files`);
  };
  const onEntry = (entry: ReadEntry) => {
    const path = entry.path
      .split("/")
      .slice(1)
      .filter((part) => part !== "" && part !== ".")
      .join("/");
    if (
      refusal !== undefined ||
      entry.type === "Directory" ||
      entry.type === "GNUDumpDir" ||
      (path === "" && !entry.path.startsWith("/"))
    )
      return entry.resume();
    const fault = entry.path.startsWith("/") ? "is an absolute path" : pathFault(path);
    if (fault !== undefined) {
      refuse(entry.path, fault);
      return entry.resume();
    }
    if (entry.type === "SymbolicLink") {
      const target = entry.linkpath ?? "";
      if (leaves(path, target)) refuse(entry.path, `is a link out of the package, to "${target}"`);
      else add(path, { path, mode: "120000", data: Buffer.from(target) });
      return entry.resume();
    }
    if (!["File", "OldFile", "ContiguousFile"].includes(entry.type)) {
      refuse(entry.path, `is a ${entry.type}, not a file`);
      return entry.resume();
    }
    const chunks: Buffer[] = [];
    entry.on("data", (chunk) => {
      total += chunk.length;
      if (total > mostBytes || total > Math.max(50 * 1024 ** 2, tarball.length * mostRatio))
        refuse(entry.path, "makes the package larger than any honest one");
      else chunks.push(chunk);
    });
    entry.on("end", () =>
      add(path, { path, mode: ((entry.mode ?? 0) & 0o100) === 0 ? "100644" : "100755", data: Buffer.concat(chunks) }),
    );
  };
  await parse(tarball, onEntry, () => refusal).catch((error: unknown) => {
    throw (
      refusal ??
      new FlowError("FLOW_VENDOR_BAD_ARCHIVE", `${name}: its archive is broken: ${messageOf(error)}`, { cause: error })
    );
  });
  if (refusal !== undefined) throw refusal;
  if (files.size === 0) throw new FlowError("FLOW_VENDOR_BAD_ARCHIVE", `${name}: its archive holds no file`);
  for (const path of files.keys()) {
    const parent = path.split("/").slice(0, -1);
    for (; parent.length > 0; parent.pop()) {
      if (files.has(parent.join("/")))
        throw new FlowError(
          "FLOW_VENDOR_BAD_ARCHIVE",
          `${name}: entry "${parent.join("/")}" is a file and a directory`,
        );
    }
  }
  return [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
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

function leaves(path: string, target: string): boolean {
  if (target.startsWith("/") || target.includes("\\") || target.includes("\0")) return true;
  let depth = path.split("/").length - 1;
  for (const part of target.split("/")) {
    if (part === "..") depth--;
    else if (part !== "" && part !== ".") depth++;
    if (depth < 0) return true;
  }
  return false;
}
