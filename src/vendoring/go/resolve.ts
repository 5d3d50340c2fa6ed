import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { removeTree } from "../../core/files.ts";
import { networkTimeoutMs } from "../../core/network-timeout.ts";
import { goCommand, type GoCommand } from "./command.ts";
import { formatModFile, parseModFile, type Requirement } from "./mod-file.ts";

/** A module that the mirror provides itself: a git source whose go.mod names it. */
export interface ProvidedModule {
  path: string;
  prefix: string;
  /** Text of its go.mod. */
  mod: string;
}

export interface ModuleRequest {
  /** go.mod and go.sum as the mirror has them. */
  mod: string | undefined;
  sum: string | undefined;
  /** What is asked for, by path: an exact version, or a query such as `latest`, `v1` or a branch. */
  wanted: ReadonlyMap<string, string>;
  remove: readonly string[];
  provided: readonly ProvidedModule[];
}

export interface BuildList {
  /** Everything that minimal version selection chose, what the mirror provides itself too. */
  requires: Requirement[];
  sum: string;
  /** The `go` line that they need. */
  go: string | undefined;
}

export interface DownloadedModule {
  path: string;
  version: string;
  /** `h1:…` of its zip. */
  sum: string;
  zip: string;
  /** Its go.mod, or the one that stands for a module without. */
  mod: string;
}

/** A directory in which Go resolves for the mirror: its go.mod and go.sum, and the go.mod of what it provides itself. */
export class GoStaging {
  readonly #ctx: FlowContext;
  readonly #dir: string;
  readonly #command: Omit<GoCommand, "cwd" | "idleTimeoutMs">;

  private constructor(ctx: FlowContext, dir: string, command: Omit<GoCommand, "cwd" | "idleTimeoutMs">) {
    this.#ctx = ctx;
    this.#dir = dir;
    this.#command = command;
  }

  /** Runs `work` in a new one, and removes it. */
  static async use<T>(
    ctx: FlowContext,
    command: Omit<GoCommand, "cwd" | "idleTimeoutMs">,
    work: (staging: GoStaging) => Promise<T>,
  ): Promise<T> {
    const dir = await mkdtemp(join(tmpdir(), "flow-go-"));
    try {
      return await work(new GoStaging(ctx, dir, command));
    } finally {
      await removeTree(dir);
    }
  }

  async #go(args: readonly string[], patience = 1): Promise<string> {
    const idleTimeoutMs = networkTimeoutMs(this.#ctx) * patience;
    return await goCommand(this.#ctx, args, { ...this.#command, cwd: this.#dir, idleTimeoutMs });
  }

  /** The exact version that a query stands for. */
  async query(path: string, query: string): Promise<string> {
    await writeFile(join(this.#dir, "go.mod"), formatModFile(undefined, { requires: [], directories: new Map() }));
    const answer = JSON.parse(await this.#go(["list", "-m", "-x", "-json", `${path}@${query}`])) as {
      Version?: string;
    };
    if (answer.Version !== undefined) return answer.Version;
    throw new FlowError("FLOW_VENDOR_RESOLVE", `${path} has no version "${query}"`);
  }

  /**
   * Minimal version selection, by Go itself.
   * @throws FlowError FLOW_VENDOR_RESOLVE when what is asked for is overruled by what others require
   */
  async resolve({ mod, sum, wanted, remove, provided }: ModuleRequest): Promise<BuildList> {
    const before = mod === undefined ? [] : (parseModFile(mod)?.requires ?? []);
    const own = new Set(provided.map(({ path }) => path));
    const direct = new Map(before.filter(({ indirect }) => !indirect).map(({ path, version }) => [path, version]));
    for (const path of remove) direct.delete(path);
    for (const [path, query] of wanted) direct.set(path, await this.query(path, query));
    const asked = [...direct].map(([path, version]) => ({ path, version, indirect: false }));
    let requires = await this.#list(mod, { requires: asked, provided, sum }, direct);
    // A module that was not tidy may name lower versions than what it requires does: all of them side by side tell.
    for (let before: unknown; !same(before, requires);) {
      before = requires;
      const paths = new Set(requires.map(({ path }) => path));
      const all = await this.#list(mod, { requires, provided, sum: undefined }, direct);
      requires = all.filter(({ path }) => paths.has(path));
    }
    for (const { path, version } of requires) {
      const wish = wanted.has(path) ? direct.get(path) : undefined;
      if (wish === undefined || wish === version || own.has(path)) continue;
      throw new FlowError("FLOW_VENDOR_RESOLVE", `${path} ${wish} was asked for, but others require ${version}`, {
        hint: `ask for that one, or take out what requires it: go -C MIRROR mod graph | grep ' ${path}@${version}'`,
      });
    }
    return {
      requires,
      sum: await readFile(join(this.#dir, "go.sum"), "utf8").catch(() => ""),
      // Go raises it to what the modules need.
      go: parseModFile(await readFile(join(this.#dir, "go.mod"), "utf8"))?.go,
    };
  }

  /** The build list of go.mod with these requirements; go.sum stays when `sum` is undefined. */
  async #list(
    mod: string | undefined,
    content: { requires: readonly Requirement[]; provided: readonly ProvidedModule[]; sum: string | undefined },
    direct: ReadonlyMap<string, string>,
  ): Promise<Requirement[]> {
    await this.#write(mod, content);
    const format = "{{if not .Main}}{{.Path}} {{.Version}}{{end}}";
    const listed = await this.#go(["list", "-m", "-x", "-f", format, "all"]);
    return listed
      .split("\n")
      .filter(Boolean)
      .map((line) => {
        const [path = "", version = ""] = line.split(" ");
        return { path, version, indirect: !direct.has(path) };
      });
  }

  /** Fetches modules through the proxy; Go holds each against go.sum, and against the checksum database where one is set. */
  async download(modules: readonly Requirement[], sum: string): Promise<DownloadedModule[]> {
    await this.#write(undefined, { requires: modules, provided: [], sum });
    const patience = 4; // A large module arrives without a word.
    const specs = modules.map(({ path, version }) => `${path}@${version}`);
    const output = await this.#go(["mod", "download", "-x", "-json", ...specs], patience);
    const found = jsonStream(output) as { Path: string; Version: string; Sum: string; Zip: string; GoMod: string }[];
    return found.map(({ Path: path, Version: version, Sum, Zip: zip, GoMod: mod }) => ({
      path,
      version,
      sum: Sum,
      zip,
      mod,
    }));
  }

  async #write(
    mod: string | undefined,
    {
      requires,
      provided,
      sum,
    }: { requires: readonly Requirement[]; provided: readonly ProvidedModule[]; sum: string | undefined },
  ): Promise<void> {
    const directories = new Map(provided.map(({ path, prefix }) => [path, prefix]));
    await writeFile(join(this.#dir, "go.mod"), formatModFile(mod, { requires, directories }));
    if (sum !== undefined) await writeFile(join(this.#dir, "go.sum"), sum);
    for (const { prefix, mod: text } of provided) {
      await mkdir(join(this.#dir, prefix), { recursive: true });
      await writeFile(join(this.#dir, prefix, "go.mod"), text);
    }
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** `go … -json` writes one document after the other, each from a line `{` to a line `}`. */
function jsonStream(text: string): unknown[] {
  return text
    .split(/^(?=\{$)/m)
    .filter((part) => part.trim() !== "")
    .map((part) => JSON.parse(part) as unknown);
}
