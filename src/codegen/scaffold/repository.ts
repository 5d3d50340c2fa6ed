import type { FlowContext } from "../../core/context.ts";
import { layOut } from "../../core/templates.ts";

export interface RepositoryOptions {
  /** Absolute directory; what is in it stays. */
  dir: string;
  /** npm scope without the @. */
  organization: string;
  /** Name of the repository; its package is `@<organization>/<name>`. */
  name: string;
}

/** Lays out an empty repository: package.json, tsconfig.json, flow.yaml. @returns the files written, relative to `dir` */
export async function scaffoldRepository(
  ctx: FlowContext,
  { dir, organization, name }: RepositoryOptions,
): Promise<string[]> {
  return await layOut(ctx, "repository", { dir, values: { organization, name } });
}
