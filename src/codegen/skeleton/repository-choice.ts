import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { nearest } from "../../core/suggest.ts";
import type { CodegenRepository, CodegenScope } from "../scope.ts";

/** The repository named, else the one that `ctx.cwd` lies in, else the only one. @throws FlowError FLOW_USAGE */
export function chooseRepository(ctx: FlowContext, scope: CodegenScope, name?: string): CodegenRepository {
  const names = scope.repositories.map((repository) => repository.name);
  if (name !== undefined) {
    const found = scope.repositories.find((repository) => repository.name === name);
    if (found !== undefined) return found;
    const suggestion = nearest(name, names);
    throw new FlowError("FLOW_USAGE", `there is no repository "${name}" here`, {
      hint:
        suggestion === undefined
          ? `repositories are: ${names.join(", ") || "none yet"}`
          : `did you mean "${suggestion}"?`,
    });
  }
  const around = scope.repositories.find(({ dir }) => `${ctx.cwd}/`.startsWith(`${dir}/`));
  const [only, ...others] = scope.repositories;
  if (around !== undefined) return around;
  if (only !== undefined && others.length === 0) return only;
  throw new FlowError(
    "FLOW_USAGE",
    only === undefined ? "there is no repository here yet" : "which repository shall hold it?",
    {
      hint:
        only === undefined ? "make one: flow new repo NAME" : `go into one, or name it: --repo ${names.join(" | ")}`,
    },
  );
}
