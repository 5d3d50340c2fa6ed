import { defineCommand } from "../command.ts";

export const command = defineCommand({
  name: "schema",
  summary: "print the JSON Schema of flow.yaml, for editors",
  examples: [
    {
      command: "flow schema > .flow.schema.json",
      explanation: "then, as the first line of flow.yaml: # yaml-language-server: $schema=./.flow.schema.json",
    },
    { command: "flow schema | jq '.else.properties.services'", explanation: "what a service may say" },
  ],
  json: false,
  run: async () => {
    const { flowYamlSchema } = await import("../../config/index.ts");
    return flowYamlSchema();
  },
  render: (schema) => JSON.stringify(schema, null, 2),
});
