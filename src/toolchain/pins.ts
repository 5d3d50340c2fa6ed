import { nearest } from "../core/suggest.ts";
import { FlowError } from "../core/errors.ts";
import type { ToolDefinition, Workspace } from "../config/index.ts";

/** The tools that a new workspace pins in its flow.yaml: all out of the mirror. */
export const defaultTools: Readonly<Record<string, ToolDefinition>> = {
  buf: { npm: "@bufbuild/buf" },
  "protoc-gen-es": { npm: "@bufbuild/protoc-gen-es" },
  "protoc-gen-flow": { npm: "goflow", bin: "dist/cli/entries/protoc-gen-flow.js" },
};

/**
 * Packages that a new mirror gets beside flow, with the exact versions that this flow was tested with: the tools'
 * packages, and zx, which runs the workspace's scripts.
 */
export const defaultPackages: Readonly<Record<string, string>> = {
  "@bufbuild/buf": "1.75.0",
  "@bufbuild/protoc-gen-es": "2.17.0",
  zx: "8.8.5",
};

/** Tools that `flow tool install NAME` can pin by itself. */
export const knownTools: Readonly<Record<string, ToolDefinition>> = {
  // 1.13.9 is the newest that both the release archives and the Go module proxy give.
  consul: {
    version: "1.13.9",
    release: {
      url: "https://releases.hashicorp.com/consul/{version}/consul_{version}_{os}_{arch}.zip",
      sums: "https://releases.hashicorp.com/consul/{version}/consul_{version}_SHA256SUMS",
    },
    go: "github.com/hashicorp/consul",
  },
  "consul-template": {
    version: "0.41.1",
    release: {
      url: "https://releases.hashicorp.com/consul-template/{version}/consul-template_{version}_{os}_{arch}.zip",
      sums: "https://releases.hashicorp.com/consul-template/{version}/consul-template_{version}_SHA256SUMS",
    },
    go: "github.com/hashicorp/consul-template",
  },
  grpcurl: { version: "1.9.4", go: "github.com/fullstorydev/grpcurl/cmd/grpcurl" },
};

/** Definitions of the named tools, default all that the workspace pins. @throws FlowError FLOW_TOOL_UNKNOWN */
export function selectTools(workspace: Workspace, names: readonly string[]): [name: string, tool: ToolDefinition][] {
  const pinned = workspace.definition.tools ?? {};
  if (names.length === 0) return Object.entries(pinned);
  return [...new Set(names)].map((name) => {
    const tool = pinned[name];
    if (tool === undefined) throw unknownTool(name, Object.keys(pinned), workspace.paths.file);
    return [name, tool];
  });
}

function unknownTool(name: string, pinned: readonly string[], file: string): FlowError {
  const suggestion = nearest(name, [...pinned, ...Object.keys(knownTools)]);
  return new FlowError("FLOW_TOOL_UNKNOWN", `there is no tool "${name}" in ${file}`, {
    hint:
      suggestion === undefined
        ? `tools are: ${pinned.join(", ")}. Pin another one below "tools:" with npm, go or release`
        : `did you mean "${suggestion}"?`,
  });
}
