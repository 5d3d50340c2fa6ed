import { defineCommand } from "../command.ts";

export const command = defineCommand({
  name: "version",
  summary: "print the version",
  examples: [{ command: "flow version --json", explanation: "version, installation and Node as JSON" }],
  run: async (ctx) => ({
    version: ctx.installation.version,
    kind: ctx.installation.kind,
    root: ctx.installation.root,
    node: process.versions.node,
  }),
  render: ({ version }) => `flow ${version}`,
});
