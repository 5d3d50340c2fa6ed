import * as z from "zod";
import { command } from "./command.ts";

/** What a team decides about its mirror: in the workspace's flow.yaml, or in that of a repository that stands alone. */
export const vendor = z.strictObject({
  /** What `flow vendor licenses --check` accepts, as SPDX identifiers. */
  licenses: z
    .strictObject({
      /** The only ones that may be used. Default: all that `deny` does not name. */
      allow: z.array(z.string()).optional(),
      deny: z.array(z.string()).optional(),
      /** Prefixes or package names that somebody has looked at: their licence is accepted, or their having none. */
      accept: z.array(z.string()).optional(),
    })
    .optional(),
  /** Names of packages whose install scripts `flow vendor build` may run, without network. */
  installScripts: z.array(z.string()).optional(),
  /**
   * Directory whose `include/node` has the headers of the workspace's Node, relative to the workspace: what packages
   * with native code are compiled against. Default: those beside Node itself.
   */
  nodeHeaders: z.string().optional(),
  /** How git sources that ship no built files are built, by prefix or package name: an argv or a shell line. */
  build: z.record(z.string(), command).optional(),
});

export type VendorDefinition = z.infer<typeof vendor>;
