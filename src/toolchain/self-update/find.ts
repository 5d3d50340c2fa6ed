import { readFile } from "node:fs/promises";
import { join } from "node:path";
import semver from "semver";
import type { Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { currentGeneration, flowVersionOf } from "../generation/index.ts";
import { manifestName, parseReleaseManifest } from "./manifest.ts";
import { gitReleases } from "./sources/git.ts";
import { mirrorReleases } from "./sources/mirror.ts";
import { registryReleases } from "./sources/registry.ts";
import type { FindRelease, FoundRelease } from "./sources/source.ts";

export interface UpdateRequest {
  /** Exactly this version, older ones too. Default: the version that flow.yaml pins, else the newest of the channel. */
  to?: string;
  /** Default: that of flow.yaml, else stable. */
  channel?: "stable" | "next";
}

export interface UpdateTarget {
  /** Version that is in use; undefined in a workspace that has none yet. */
  from: string | undefined;
  release: FoundRelease;
  /** Whether it was asked for by name, so that it may be older. */
  named: boolean;
}

/**
 * The release that an update would take.
 * @throws FlowError FLOW_UPDATE_NONE when the source has none such, FLOW_UPDATE_REFUSED against the workspace's pin,
 * FLOW_VENDOR_FETCH when the source is out of reach
 */
export async function findUpdate(
  ctx: FlowContext,
  workspace: Workspace,
  request: UpdateRequest,
): Promise<UpdateTarget> {
  const { definition, paths } = workspace;
  const to = request.to ?? definition.flow;
  if (definition.flow !== undefined && to !== definition.flow) {
    throw new FlowError("FLOW_UPDATE_REFUSED", `this workspace pins flow ${definition.flow}, not ${to}`, {
      hint: `change "flow:" in ${paths.file}: it holds for the whole team`,
    });
  }
  if (to !== undefined && semver.valid(to) === null)
    throw new FlowError("FLOW_USAGE", `"${to}" is no version`, { hint: "a version has three numbers, such as 1.4.0" });
  const from = await flowVersionOf(await currentGeneration(paths));
  const channel = request.channel ?? definition.update?.channel ?? "stable";
  const { release, others } = await (await openSource(ctx, workspace))({ to, channel });
  if (release === undefined) throw noRelease(workspace, { to, channel, others });
  return { from, release, named: to !== undefined };
}

async function openSource(ctx: FlowContext, workspace: Workspace): Promise<FindRelease> {
  const { git, registry } = workspace.definition.update ?? {};
  if (git !== undefined) return await gitReleases(ctx, git);
  return registry === undefined ? await mirrorReleases(ctx, workspace) : await registryReleases(ctx, registry);
}

function noRelease(
  { definition }: Workspace,
  { to, channel, others }: { to: string | undefined; channel: string; others: string[] },
): FlowError {
  const list = semver.rsort(others.filter((version) => semver.valid(version) !== null)).slice(0, 10);
  const message =
    to === undefined ? `there is no flow in the channel ${channel} where updates come from` : `there is no flow ${to}`;
  const next = to === undefined && channel === "stable" ? "; --channel next takes pre-releases" : "";
  return new FlowError("FLOW_UPDATE_NONE", message, {
    hint:
      list.length === 0
        ? howToPublish(definition.update)
        : `there is ${list.join(", ")}. flow self-update --to VERSION takes any of them${next}`,
  });
}

function howToPublish({ git, registry }: NonNullable<Workspace["definition"]["update"]> = {}): string {
  if (git !== undefined) return `push a tag vVERSION that holds the files of a release to ${git}`;
  if (registry !== undefined) return `publish a release there: npm publish goflow-VERSION.tgz --registry ${registry}`;
  return "bring a release into the mirror: flow vendor add file:goflow-VERSION.tgz; flow vendor push";
}

/** Refuses what an update must not go to by itself. @throws FlowError FLOW_UPDATE_REFUSED */
export function refuseDowngrade({ from, release, named }: UpdateTarget): void {
  if (named || from === undefined || !semver.lt(release.version, from)) return;
  throw new FlowError("FLOW_UPDATE_REFUSED", `flow ${release.version} is older than ${from}, which is in use`, {
    cause: `it is what ${release.from} holds`,
    hint: `flow self-update --to ${release.version} goes there all the same; --rollback returns to the version before`,
  });
}

/** Keys whose releases this workspace takes: those of flow.yaml, else those that the flow in use brought. */
export async function trustedKeys({ definition, paths }: Workspace): Promise<readonly string[]> {
  if (definition.update?.keys !== undefined) return definition.update.keys;
  const shipped = await readFile(join(paths.current, "flow", manifestName)).catch(() => undefined);
  return shipped === undefined ? [] : parseReleaseManifest(shipped).keys;
}
