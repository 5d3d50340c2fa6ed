import { FlowError } from "../core/errors.ts";
import { leadsOut } from "./links.ts";
import { isDotGitmodules, pathFault } from "./prefix.ts";
import type { UpstreamFile } from "./types.ts";

const mostFiles = 100_000;
const mostBytes = 2 * 1024 ** 3;
const mostRatio = 300;
const alwaysAllowedBytes = 50 * 1024 ** 2;

/** Bytes that an archive of this size may unpack to: no honest package reaches it, and every bomb does. */
export function mostUnpacked(archiveBytes: number): number {
  return Math.min(mostBytes, Math.max(alwaysAllowedBytes, archiveBytes * mostRatio));
}

/** What an archive holds so far, and the first thing that was wrong with it. */
export class PackageContents {
  readonly #name: string;
  readonly #files = new Map<string, UpstreamFile>();
  /** Every file and directory by its spelling on a file system that knows neither case nor Unicode forms. */
  readonly #spellings = new Map<string, string>();
  refusal: FlowError | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  refuse(entry: string, why: string): void {
    this.refusal ??= new FlowError("FLOW_VENDOR_BAD_ARCHIVE", `${this.#name}: entry "${entry}" ${why}`, {
      hint: "nothing of it was imported. If you trust the package, tell its authors; if you do not, do not use it",
    });
  }

  /**
   * Where an entry goes, its first directory stripped; undefined for a directory, which git does not keep, and for what
   * is refused.
   */
  accept({ path: written, type }: { path: string; type: string }): string | undefined {
    if (this.refusal !== undefined) return undefined;
    const components = written.split("/").filter((part) => part !== "" && part !== ".");
    const path = components.slice(1).join("/");
    const fault = written.startsWith("/")
      ? "is an absolute path"
      : components.includes("..")
        ? "leaves its directory"
        : undefined;
    if (fault !== undefined) this.refuse(written, fault);
    else if (["Directory", "GNUDumpDir"].includes(type)) return undefined;
    else if (type !== "SymbolicLink" && !["File", "OldFile", "ContiguousFile"].includes(type))
      this.refuse(written, `is a ${type}, not a file`);
    else {
      const pathIs = pathFault(path);
      if (pathIs === undefined) return path;
      this.refuse(written, pathIs);
    }
    return undefined;
  }

  add(entry: string, file: UpstreamFile): void {
    if (this.#files.size >= mostFiles) return this.refuse(entry, `is one of more than ${mostFiles} files`);
    const components = file.path.split("/");
    if (file.mode === "120000" && isDotGitmodules(components.at(-1) as string))
      return this.refuse(entry, "is a link that git reads as .gitmodules");
    for (let depth = 1; depth <= components.length; depth++) {
      const path = components.slice(0, depth).join("/");
      const spelling = path.normalize("NFC").toLowerCase();
      const same = this.#spellings.get(spelling) ?? path;
      if (same !== path) return this.refuse(entry, `differs from "${same}" in case or Unicode form only`);
      this.#spellings.set(spelling, path);
    }
    this.#files.set(file.path, file);
  }

  finish(): UpstreamFile[] {
    const files = [...this.#files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    for (const file of files) {
      const parent = parents(file.path).find((path) => this.#files.has(path));
      if (parent !== undefined) this.refuse(parent, "is a file and a directory");
      else if (file.mode === "120000" && leadsOut(file.path, file.data, (at) => this.#linkAt(at))) {
        this.refuse(file.path, `is a link out of the package, to "${Buffer.from(file.data).toString("utf8")}"`);
      }
    }
    if (this.refusal !== undefined) throw this.refusal;
    if (files.length === 0) throw new FlowError("FLOW_VENDOR_BAD_ARCHIVE", `${this.#name}: its archive holds no file`);
    return files;
  }

  #linkAt(path: string): Uint8Array | undefined {
    const file = this.#files.get(path);
    return file?.mode === "120000" ? file.data : undefined;
  }
}

function parents(path: string): string[] {
  const components = path.split("/");
  return components.slice(1).map((_, index) => components.slice(0, index + 1).join("/"));
}
