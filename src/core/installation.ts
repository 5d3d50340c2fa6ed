import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Programs of flow that run as processes of their own (`src/cli/entries/`). */
export type EntryName = "consul-agent" | "edge" | "protoc-gen-flow" | "supervisor";

/** Where the running flow lies, and how to start its other programs. */
export interface FlowInstallation {
  readonly version: string;
  /** Directory of flow's package.json. */
  readonly root: string;
  readonly kind: "checkout" | "release";
  /** The Node that runs flow. */
  readonly nodePath: string;
  /** Directory of the .proto files that flow ships (`flow/options.proto`, `google/api/…`). */
  readonly protos: string;
  /** Directory of the scaffolds. */
  readonly templates: string;
  /** argv of one of flow's own programs. */
  entry(name: EntryName): string[];
}

/** Describes the flow whose package root is `root`; a checkout runs from source, a release from `dist/`. */
export function describeInstallation(root: string, nodePath: string): FlowInstallation {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const source = join(root, "src", "cli", "main.ts");
  const kind = existsSync(source) ? "checkout" : "release";
  return {
    version,
    root,
    kind,
    nodePath,
    protos: kind === "checkout" ? join(root, "src", "runtime", "proto") : join(root, "dist", "runtime", "proto"),
    templates: join(root, "templates"),
    entry: (name) =>
      kind === "checkout"
        ? [nodePath, join(root, "src", "cli", "entries", `${name}.ts`)]
        : [nodePath, join(root, "dist", "cli", "entries", `${name}.js`)],
  };
}
