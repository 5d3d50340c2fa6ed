import type { CommandEntry } from "../command.ts";

/** Every command, in the order of help. Verbs are loaded when they run. */
export const commands: readonly CommandEntry[] = [
  // Start here
  // Dependencies and tools
  // Write services
  // Run them
  // Workspace
  // flow itself
  {
    name: "help",
    summary: "explain a command or a topic",
    group: "flow itself",
    load: () => import("./help.ts"),
  },
  {
    name: "version",
    summary: "print the version",
    group: "flow itself",
    load: () => import("./version.ts"),
  },
];
