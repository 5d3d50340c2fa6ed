import { expect, test } from "vitest";
import * as z from "zod";
import { flowYamlSchema } from "../../../src/config/json-schema.ts";

const schema = flowYamlSchema() as { then: z.core.JSONSchema.JSONSchema; else: z.core.JSONSchema.JSONSchema };
const workspace = { organization: "acme", module: "example.com/acme", mirror: { url: "./mirror.git" } };
const service = { command: "python3 -m http.server $PORT", port: 8080, depends: ["db"], restart: "always" };

test.each([
  [
    "a workspace",
    schema.then,
    { ...workspace, tools: { buf: { npm: "@bufbuild/buf" } }, edge: { port: "auto" } },
    true,
  ],
  ["an unknown key of a workspace", schema.then, { ...workspace, orgnization: "acme" }, false],
  ["a wrong type in a workspace", schema.then, { ...workspace, edge: { port: "many" } }, false],
  ["a repository", schema.else, { name: "shop", services: { web: service, db: { command: ["db"] } } }, true],
  ["a duration as people write it", schema.else, { services: { web: { ...service, stop: { timeout: "5s" } } } }, true],
  ["an unknown key of a service", schema.else, { services: { web: { ...service, prot: 1 } } }, false],
  ["a wrong choice", schema.else, { services: { web: { ...service, restart: "sometimes" } } }, false],
])("an editor sees %s as flow does", (_name, part, value, valid) => {
  expect(z.fromJSONSchema(part).safeParse(value).success).toBe(valid);
});
