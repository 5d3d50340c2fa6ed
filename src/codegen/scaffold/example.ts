import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { warn } from "../../core/events.ts";
import type { RepositoryOptions } from "./repository.ts";
import { layOut, readTemplate } from "../../core/templates.ts";

/** npm packages that the example's services import, besides goflow. */
export const exampleNpmSpecs = ["npm:nanoid@^5.0.0", "npm:@types/node@^24.0.0"] as const;

/** The example's third service, in a language that this machine has. */
const reporters = [
  { program: "python3", file: "stock_report.py" },
  { program: "perl", file: "stock_report.pl" },
] as const;

/**
 * Lays out the example: services product and order in TypeScript, stock-report in another language (Python,
 * else Perl, as this machine has it; without either it is left out).
 * @returns the files written, relative to `dir`
 */
export async function scaffoldExample(
  ctx: FlowContext,
  { dir, organization, name }: RepositoryOptions,
): Promise<string[]> {
  const reporter = reporters.find(({ program }) => isOnPath(ctx, program));
  if (reporter === undefined) {
    warn(ctx, "the example leaves its service stock-report out: there is neither Python nor Perl");
  }
  const stockReport = reporter === undefined ? "" : await readTemplate(ctx, "shop/stock-report.yaml", reporter);
  const values = { organization, name, stockReport };
  const own = await layOut(ctx, "shop/repository", {
    dir,
    values,
    skip: (path) => path.startsWith("service/stock-report/") && !path.endsWith(reporter?.file ?? "/"),
  });
  const common = await layOut(ctx, "repository", { dir, values });
  return [...own, ...common].sort();
}

function isOnPath(ctx: FlowContext, program: string): boolean {
  return (ctx.env.PATH ?? "").split(delimiter).some((dir) => dir !== "" && existsSync(join(dir, program)));
}
