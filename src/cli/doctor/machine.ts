import { statfs } from "node:fs/promises";
import semver from "semver";
import type { FlowContext } from "../../core/context.ts";
import { run } from "../../core/process.ts";
import type { Finding } from "./check.ts";

const oldestGit = "2.38.0";
const oldestNode = "22.18.0";
const scarceBytes = 2 * 1024 ** 3;

/** Node runs TypeScript without a flag from 22.18 on. */
export async function checkNode(): Promise<Finding> {
  const version = process.versions.node;
  if (semver.lt(version, oldestNode))
    return {
      status: "problem",
      detail: `${version} is too old`,
      fix: `flow needs ${oldestNode} or newer: run ./bootstrap.sh`,
    };
  return { status: "ok", detail: `${version} (${process.execPath})` };
}

/** `merge-tree --write-tree` came with 2.38. */
export async function checkGit(ctx: FlowContext): Promise<Finding> {
  const { stdout } = await run(ctx, ["git", "--version"]);
  const version = semver.coerce(stdout)?.version ?? "0.0.0";
  if (semver.lt(version, oldestGit))
    return { status: "problem", detail: `${version} is too old`, fix: `flow needs git ${oldestGit} or newer` };
  const pattern = await run(ctx, ["git", "config", "--get", "grep.patternType"], { okCodes: [0, 1] });
  if (pattern.stdout.trim() === "fixed") {
    return {
      status: "warning",
      detail: `${version}, with grep.patternType=fixed`,
      fix: "flow works, but git subtree by hand finds no prefix with this setting: git config --global --unset grep.patternType",
    };
  }
  const identity = await run(ctx, ["git", "var", "GIT_COMMITTER_IDENT"], { okCodes: [0, 128] });
  if (identity.exitCode !== 0) {
    return {
      status: "warning",
      detail: `${version}, which does not know who you are: what flow commits is signed flow <flow@localhost>`,
      fix: 'git config --global user.name "Your Name" && git config --global user.email you@example.com',
    };
  }
  return { status: "ok", detail: version };
}

/** Which transport services take that are started from here. */
export async function checkTransport({ env }: FlowContext): Promise<Finding> {
  const { defaultTransport, transportNames } = await import("../../runtime/index.ts");
  const asked = env.FLOW_TRANSPORT || undefined;
  if (asked === undefined)
    return {
      status: "ok",
      detail: `${defaultTransport}, the default (FLOW_TRANSPORT chooses: ${transportNames.join(", ")})`,
    };
  if (transportNames.some((name) => name === asked)) return { status: "ok", detail: `${asked} (FLOW_TRANSPORT)` };
  return {
    status: "problem",
    detail: `FLOW_TRANSPORT is "${asked}", and there is no such transport`,
    fix: `services will not start: set it to ${transportNames.join(" or ")}, or unset it`,
  };
}

export async function checkDisk(dir: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  const detail = `${(free / 1024 ** 3).toFixed(1)} GiB free in ${dir}`;
  return free < scarceBytes
    ? { status: "warning", detail, fix: "builds and mirrors need a few GiB: make room" }
    : { status: "ok", detail };
}
