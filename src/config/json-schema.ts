import * as z from "zod";
import { repositoryFile } from "./repository-schema.ts";
import { workspaceFile } from "./workspace-schema.ts";

/**
 * JSON Schema (draft-07, which editors read) of flow.yaml: a workspace's when it names organization or module, else a
 * repository's. What only the whole file tells (a cycle, an unknown service) is left to flow.
 */
export function flowYamlSchema(): object {
  const part = (schema: z.ZodType) => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input", target: "draft-7" });
    return rest;
  };
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "flow.yaml",
    if: { anyOf: [{ required: ["organization"] }, { required: ["module"] }] },
    // oxlint-disable-next-line no-thenable -- it is JSON Schema's keyword, and nobody awaits a schema
    then: part(workspaceFile),
    else: part(repositoryFile),
  };
}
