import { join } from "node:path";
import type { Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { cacheDirectory } from "../../core/paths.ts";
import type { AddOptions, Mirror } from "../../vendoring/index.ts";
import type { Journal } from "../journal.ts";

/** What the steps of a bootstrap know beside the workspace. */
export interface BootstrapState {
  home: string;
  request: Journal;
}

export interface MirrorState extends BootstrapState {
  /** As it was when the step began. */
  mirror: Mirror;
}

/** Runs once only: what it made is the user's from then on. */
export const exampleStep = "bootstrap.example";

/** Whether this workspace was made here, so that its mirror may be filled; a joined one is taken as it is. */
export function isMaker({ request }: BootstrapState): boolean {
  return request.from === undefined && request.organization !== undefined;
}

/** How bootstrap adds to the mirror. It shares flow's own npm cache, so that a second workspace downloads nothing. */
export function addOptions(ctx: FlowContext, { definition }: Workspace): AddOptions {
  return {
    cache: join(cacheDirectory(ctx.env), "npm-cache"),
    ownNames: ["goflow", `@${definition.organization}`],
    ...(definition.platforms === undefined ? {} : { platforms: definition.platforms }),
  };
}
