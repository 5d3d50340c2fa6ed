import { FlowError } from "../../core/errors.ts";
import type { Git } from "../../core/git/index.ts";
import { mergeMaps } from "../merge-maps.ts";
import { checkUrl } from "../specs.ts";
import type { Incoming } from "../types.ts";
import type { Listings } from "./listing.ts";

/** Where git looks up submodules: at the top alone. Without it `git submodule` dies of the gitlinks below prefixes. */
export const modulesFile = ".gitmodules";

const begin = "# flow: submodules of what is vendored, for git to know them; their content is not fetched";
const end = "# flow: end";

/** flow's entries in a `.gitmodules`, each with its text, by path; the rest is its owner's. */
interface Modules {
  rest: string;
  entries: ReadonlyMap<string, string>;
}

function parseModules(text: string): Modules {
  const start = text.indexOf(begin);
  const stop = text.indexOf(end, start);
  if (start < 0 || stop < 0) return { rest: text, entries: new Map() };
  const block = text.slice(start + begin.length + 1, stop);
  const entries = [...block.matchAll(/^\[submodule ("(?:[^"\\]|\\.)*")\]\n(?:\t.*\n)*/gm)];
  return {
    rest: text.slice(0, start) + text.slice(stop + end.length + 1),
    entries: new Map(entries.map(([entry, name = ""]) => [unquote(name), entry])),
  };
}

function formatModules({ rest, entries }: Modules): string {
  if (entries.size === 0) return rest;
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
  return `${rest === "" || rest.endsWith("\n") ? rest : `${rest}\n`}${begin}\n${sorted.join("")}${end}\n`;
}

/** The `.gitmodules` after a change: entries of prefixes that come or go give way to what comes. */
export async function modulesAfter(
  git: Git,
  current: string,
  { incoming, listings, leaving }: { incoming: readonly Incoming[]; listings: Listings; leaving: readonly string[] },
): Promise<string> {
  const { rest, entries } = parseModules(current);
  const changed = [...leaving, ...listings.keys()];
  const staying = [...entries].filter(([path]) => !changed.some((prefix) => path.startsWith(`${prefix}/`)));
  const coming: (readonly [string, string])[] = [];
  for (const { prefix, source, content } of incoming) {
    const paths = (listings.get(prefix) ?? []).filter(({ mode }) => mode === "160000").map(({ path }) => path);
    if (paths.length === 0 || !("commit" in content)) continue;
    const urls = await upstreamUrls(git, content.commit);
    for (const path of paths) coming.push([`${prefix}/${path}`, entryOf(`${prefix}/${path}`, urls.get(path), source)]);
  }
  return formatModules({ rest, entries: new Map([...staying, ...coming]) });
}

/** Merges flow's entries one by one. @throws FlowError FLOW_VENDOR_CONFLICT when both sides changed the part that is not flow's */
export function mergeModules(base: string, ours: string, theirs: string): string {
  const [before, mine, other] = [parseModules(base), parseModules(ours), parseModules(theirs)];
  const map = ({ entries }: Modules) => Object.fromEntries(entries);
  const merged = mergeMaps(map(before), map(mine), map(other)) as Record<string, string>;
  const rest = mine.rest === before.rest ? other.rest : mine.rest;
  if (rest !== other.rest && other.rest !== before.rest) {
    throw new FlowError("FLOW_VENDOR_CONFLICT", `yours and theirs changed ${modulesFile}`, {
      hint: "nothing was changed. Merge by hand: git merge",
      details: { files: [modulesFile] },
    });
  }
  return formatModules({ rest, entries: new Map(Object.entries(merged)) });
}

/** The submodule at or above a path; undefined when there is none. */
export function submoduleAt(text: string, path: string): string | undefined {
  return [...parseModules(text).entries.keys()].find((at) => path === at || path.startsWith(`${at}/`));
}

/** `update = none`: nobody fetches from what upstream names unless they ask for it. */
function entryOf(path: string, url: string | undefined, source: string): string {
  // `git submodule init` dies of one without a URL.
  const known = (url === undefined ? undefined : usableUrl(url, source)) ?? ".";
  const lines = [`[submodule ${quote(path)}]`, `\tpath = ${quote(path)}`, `\turl = ${quote(known)}`, "\tupdate = none"];
  return lines.map((line) => `${line}\n`).join("");
}

/** gitmodules(5): a URL that begins with `./` or `../` is relative to the repository's. One that runs programs is left out. */
function usableUrl(url: string, source: string): string | undefined {
  const resolved = /^\.\.?\//.test(url) ? relativeTo(source, url) : url;
  try {
    checkUrl(resolved, resolved);
    return resolved;
  } catch {
    return undefined;
  }
}

function relativeTo(source: string, url: string): string {
  let base = source.replace(/\/+$/, "");
  let rest = url;
  for (let step = /^\.\.?\//.exec(rest)?.[0]; step !== undefined; step = /^\.\.?\//.exec(rest)?.[0]) {
    if (step === "../") base = base.replace(/[/:][^/:]*$/, "");
    rest = rest.slice(step.length);
  }
  return `${base}/${rest}`;
}

async function upstreamUrls(git: Git, commit: string): Promise<Map<string, string>> {
  const listed = await git.run(["config", "-z", "--blob", `${commit}:${modulesFile}`, "--list"], {
    okCodes: [0, 1, 3, 128],
  });
  const values = new Map<string, string>();
  for (const record of listed.exitCode === 0 ? listed.stdout.split("\0") : []) {
    const newline = record.indexOf("\n");
    if (newline > 0) values.set(record.slice(0, newline), record.slice(newline + 1));
  }
  const urls = new Map<string, string>();
  for (const [key, path] of values) {
    const url = key.endsWith(".path") ? values.get(`${key.slice(0, -".path".length)}.url`) : undefined;
    if (url !== undefined) urls.set(path.replace(/\/+$/, ""), url);
  }
  return urls;
}

/** git-config(1), "Syntax". */
function quote(value: string): string {
  return `"${value.replace(/["\\\n\t]/g, (char) => ({ "\n": "\\n", "\t": "\\t" })[char] ?? `\\${char}`)}"`;
}

function unquote(value: string): string {
  return value.slice(1, -1).replace(/\\(.)/g, (_, char: string) => ({ n: "\n", t: "\t" })[char] ?? char);
}
