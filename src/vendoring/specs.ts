import { existsSync } from "node:fs";
import { basename, isAbsolute, resolve } from "node:path";
import npa from "npm-package-arg";
import { FlowError, messageOf } from "../core/errors.ts";
import { redact } from "../core/redact.ts";
import { checkPrefix } from "./prefix.ts";

export type SourceSpec =
  /** `registryName` differs from `name` for an alias: `npm:name@npm:other@^1`. */
  | { kind: "npm"; name: string; range: string | undefined; registryName: string }
  | { kind: "go"; path: string; query: string }
  | { kind: "release"; path: string }
  | { kind: "git"; url: string; ref: string | undefined; prefix: string };

/**
 * Reads what the user named: `npm:pino@^10`, `go:host/mod@v1`, `file:/abs/x.tgz`, or a git URL or path with an optional `@ref`.
 * @throws FlowError FLOW_VENDOR_BAD_SPEC for what is none of these, or could be taken for an option or a command
 */
export function parseSpec(spec: string, options: { cwd: string; prefix?: string; ref?: string }): SourceSpec {
  if (spec.startsWith("npm:")) return parseNpm(spec);
  if (spec.startsWith("go:")) return parseGo(spec);
  if (spec.startsWith("file:") && spec.endsWith(".tgz"))
    return { kind: "release", path: resolve(options.cwd, spec.slice("file:".length)) };
  return parseGit(spec, options);
}

function parseNpm(spec: string): SourceSpec {
  let parsed: ReturnType<typeof npa>;
  try {
    parsed = npa(spec.slice("npm:".length));
  } catch (error) {
    throw badSpec(spec, messageOf(error));
  }
  const { name, type, rawSpec } = parsed;
  const of = type === "alias" ? (parsed as npa.AliasResult).subSpec : parsed;
  if (of.registry !== true || typeof name !== "string" || typeof of.name !== "string" || name.startsWith("-"))
    throw badSpec(spec, "npm: takes a package's name with a version, a range or a tag, such as npm:pino@^10");
  return { kind: "npm", name, range: parsed.raw === name ? undefined : rawSpec, registryName: of.name };
}

/** https://go.dev/ref/mod#module-path: what else would be an option or a path never comes to Go. */
function parseGo(spec: string): SourceSpec {
  const [path = "", query = "latest", ...rest] = spec.slice("go:".length).split("@");
  const elements = path.split("/");
  const plain = elements.every((element) => /^[A-Za-z0-9_~][\w.~-]*$/.test(element) && !element.endsWith("."));
  const host = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(elements[0] ?? "");
  if (!plain || !host || rest.length > 0 || !/^[A-Za-z0-9][\w.+/-]*$/.test(query))
    throw badSpec(spec, "go: takes a module's path with a version, such as go:github.com/org/mod@v1.2.3");
  return { kind: "go", path: checkPrefix(path), query };
}

function parseGit(spec: string, options: { cwd: string; prefix?: string; ref?: string }): SourceSpec {
  const { url: written, ref: inline } = splitRef(spec);
  const ref = options.ref ?? inline;
  checkUrl(written, spec);
  if (ref !== undefined) checkRef(ref);
  const local = isLocal(written);
  const path = local ? resolve(options.cwd, written.replace(/^file:\/\//, "")) : undefined;
  if (path !== undefined && !existsSync(path)) throw badSpec(spec, `there is nothing at ${path}`);
  return {
    kind: "git",
    url: path ?? written,
    ref,
    prefix: checkPrefix(options.prefix ?? defaultPrefix(path ?? written)),
  };
}

/** The `@` that begins a ref is the last one after the host: `git@host:path@v1`, `https://u@host/x.git@release/1`. */
function splitRef(spec: string): { url: string; ref: string | undefined } {
  const start = /^[a-z][a-z0-9+.-]*:\/\//i.exec(spec)?.[0].length ?? 0;
  const pathStart = start > 0 ? spec.indexOf("/", start) : spec.indexOf(":") >= 0 ? spec.indexOf(":") : 0;
  const at = pathStart < 0 ? -1 : spec.indexOf("@", pathStart);
  return at <= 0 ? { url: spec, ref: undefined } : { url: spec.slice(0, at), ref: spec.slice(at + 1) };
}

function isLocal(url: string): boolean {
  return url.startsWith("file://") || isAbsolute(url) || url.startsWith("./") || url.startsWith("../");
}

/** @throws FlowError for what git would take for an option or a program, or where a password would reach the manifest */
export function checkUrl(url: string, spec: string): void {
  if (url.startsWith("-") || /[\0\r\n]/.test(url)) throw badSpec(spec, "it could be taken for an option");
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/@]*:[^/@]*@/i.test(url) || /^https?:\/\/[^/@]{16,}@/i.test(url))
    throw badSpec(redact(spec), "it holds a password or a token, which everybody who has the mirror could read");
  const helper = /^([A-Za-z0-9]+)::/.exec(url)?.[1];
  if (helper !== undefined) throw badSpec(spec, `the transport "${helper}::" runs programs and is refused`);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  if (scheme !== undefined && !["https", "http", "ssh", "git", "file", "git+ssh", "git+https"].includes(scheme))
    throw badSpec(spec, `the scheme "${scheme}" is none that git fetches from`);
  if (scheme === undefined && !isLocal(url) && !/^([^/\s:@]+@)?[A-Za-z0-9][^/\s:]*:[^\s]+$/.test(url))
    throw badSpec(spec, "it is no npm: package, no git URL and no path (a path starts with ./ or /)");
}

/** @throws FlowError for what git would read as an option or as more than the name of something to fetch */
export function checkRef(ref: string): void {
  const ok = ref !== "" && !/^[-+:^]|[\s~^:?*[\\\0]|\.\.|@\{|\/\/|\/$|\.lock$|^\/|[\u0000-\u001f\u007f]/.test(ref);
  if (!ok) throw new FlowError("FLOW_VENDOR_BAD_SPEC", `"${ref}" is not the name of a branch, a tag or a commit`);
}

/** host/org/repo; for a local path `local/<name>`. */
function defaultPrefix(url: string): string {
  if (isAbsolute(url)) return `local/${basename(url).replace(/\.git$/, "")}`;
  const match =
    /^[a-z][a-z0-9+.-]*:\/\/(?:[^/@]+@)?([^/:]+)(?::\d+)?\/(.+)$/i.exec(url) ?? /^(?:[^/@]+@)?([^/:]+):(.+)$/.exec(url);
  const [, host = "", path = ""] = match ?? [];
  return `${host.toLowerCase()}/${path
    .replace(/\/+$/, "")
    .replace(/\.git$/, "")
    .replace(/^\/+/, "")}`;
}

function badSpec(spec: string, why: string): FlowError {
  return new FlowError("FLOW_VENDOR_BAD_SPEC", `cannot add "${spec}": ${why}`, {
    hint: "for example: flow vendor add npm:pino@^10, or flow vendor add https://github.com/org/repo.git@v1.2.3",
  });
}
