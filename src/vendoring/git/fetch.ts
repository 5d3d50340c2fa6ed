import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FlowError, isFlowError } from "../../core/errors.ts";
import type { Git } from "../../core/git/index.ts";
import { upstreamRef } from "../messages.ts";
import { licenceOf } from "../npm/licence.ts";
import type { Incoming } from "../types.ts";

const idleTimeoutMs = 30_000;

export interface GitSource {
  url: string;
  ref: string | undefined;
  prefix: string;
}

/**
 * Fetches a git source into the mirror's objects and names its commit.
 * @throws FlowError FLOW_VENDOR_FETCH when the host or the ref cannot be had
 */
export async function fetchGitSource(git: Git, { url, ref, prefix }: GitSource): Promise<Incoming> {
  const { name, commit: advertised } = await findRef(git, url, ref);
  const store = `refs/flow/fetching/${process.pid}`;
  try {
    await git.run(
      ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--progress", "--", url, `+${name}:${store}`],
      { idleTimeoutMs },
    );
    const commit = await git.text(["rev-parse", `${store}^{commit}`]);
    if (advertised !== undefined && advertised !== commit) {
      const peeled = await git.text(["rev-parse", `${advertised}^{commit}`], { okCodes: [0, 128] });
      if (peeled !== commit)
        throw new FlowError("FLOW_VENDOR_FETCH", `${url}: ${name} moved while it was fetched`, {
          hint: "run the command again",
        });
    }
    const tree = await git.text(["rev-parse", `${commit}^{tree}`]);
    const asked = ref ?? name.replace(/^refs\/(heads|tags)\//, "");
    await git.run(["update-ref", upstreamRef(prefix, asked), commit]);
    return {
      prefix,
      source: url,
      ref: asked,
      licence: await licence(git, commit),
      subject: await git.text(["log", "-1", "--format=%s", commit]),
      content: { commit, tree },
    };
  } catch (error) {
    throw unreachable(error, url);
  } finally {
    await git.run(["update-ref", "-d", store], { okCodes: [0, 1, 128] });
  }
}

async function findRef(
  git: Git,
  url: string,
  ref: string | undefined,
): Promise<{ name: string; commit: string | undefined }> {
  if (ref !== undefined && /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(ref)) return { name: ref, commit: undefined };
  const listed = await git.run(["ls-remote", "--symref", "--", url], { idleTimeoutMs }).catch((error: unknown) => {
    throw unreachable(error, url);
  });
  const refs = new Map<string, string>();
  let head: string | undefined;
  for (const line of listed.stdout.split("\n")) {
    const [left = "", right = ""] = line.split("\t");
    if (left.startsWith("ref: ") && right === "HEAD") head = left.slice("ref: ".length);
    else if (right !== "") refs.set(right, left);
  }
  if (ref === undefined) {
    const name = head ?? "HEAD";
    if (refs.get(name) === undefined) throw new FlowError("FLOW_VENDOR_FETCH", `${url} has no commit yet`);
    return { name, commit: refs.get(name) };
  }
  for (const name of [`refs/tags/${ref}`, `refs/heads/${ref}`, ref]) {
    const commit = refs.get(`${name}^{}`) ?? refs.get(name);
    if (commit !== undefined) return { name, commit };
  }
  const short = /^[0-9a-f]{7,39}$/.test(ref) ? [...refs.values()].find((commit) => commit.startsWith(ref)) : undefined;
  if (short !== undefined) return { name: short, commit: short };
  const near = [...refs.keys()]
    .filter((name) => name.startsWith("refs/tags/") && !name.endsWith("^{}"))
    .map((name) => name.slice("refs/tags/".length));
  throw new FlowError("FLOW_VENDOR_FETCH", `${url} has no branch, tag or commit "${ref}"`, {
    hint: near.length > 0 ? `its newest tags: ${near.slice(-8).join(", ")}` : "a commit needs its full hash",
  });
}

function unreachable(error: unknown, url: string): unknown {
  if (!isFlowError(error) || error.code === "FLOW_VENDOR_FETCH" || error.code === "FLOW_CANCELLED") return error;
  return new FlowError("FLOW_VENDOR_FETCH", `${url} could not be fetched`, {
    cause: error.code === "FLOW_GIT_FAILED" ? error.cause : error,
    hint: "check the address, the network and your access (ssh key or credential helper); git fetches as you do",
  });
}

/** From package.json; else from the text of a licence file. */
async function licence(git: Git, commit: string): Promise<string> {
  const manifest = await git.run(["show", `${commit}:package.json`], { okCodes: [0, 128] });
  if (manifest.exitCode === 0) {
    try {
      const found = licenceOf(JSON.parse(manifest.stdout) as Record<string, unknown>);
      if (found !== "NONE") return found;
    } catch {
      // Not a package of npm after all.
    }
  }
  for (const name of ["LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "COPYING"]) {
    const text = await git.run(["show", `${commit}:${name}`], { okCodes: [0, 128] });
    if (text.exitCode === 0) return recognize(text.stdout);
  }
  return "NONE";
}

function recognize(text: string): string {
  const start = text.slice(0, 2_000);
  if (/Apache License\s+Version 2\.0/.test(start)) return "Apache-2.0";
  if (/Permission is hereby granted, free of charge/.test(text)) return "MIT";
  if (/Mozilla Public License,? (?:Version|v\.) 2\.0/i.test(start)) return "MPL-2.0";
  if (/Redistribution and use in source and binary forms/.test(text))
    return /Neither the name/.test(text) ? "BSD-3-Clause" : "BSD-2-Clause";
  if (/Permission to use, copy, modify, and\/or distribute/.test(text)) return "ISC";
  if (/GNU GENERAL PUBLIC LICENSE\s+Version 3/.test(start)) return "GPL-3.0-only";
  if (/GNU GENERAL PUBLIC LICENSE\s+Version 2/.test(start)) return "GPL-2.0-only";
  return "LicenseRef-see-file";
}

/** Name in the package.json at the top of a prefix; undefined without one. */
export async function packageNameAt(dir: string): Promise<string | undefined> {
  const path = join(dir, "package.json");
  if (!existsSync(path)) return undefined;
  try {
    const { name } = JSON.parse(await readFile(path, "utf8")) as { name?: unknown };
    return typeof name === "string" ? name : undefined;
  } catch {
    return undefined;
  }
}
