import type { CommandEntry } from "../command.ts";

/** Every command, in the order of help. Verbs are loaded when they run. */
export const commands: readonly CommandEntry[] = [
  // Start here
  // Dependencies and tools
  // Write services
  {
    name: "gen",
    summary: "generate code from protos, and by the generators of flow.yaml",
    group: "Write services",
    load: () => import("./gen/gen.ts"),
  },
  // Run them
  // Workspace
  // flow itself
  {
    name: "doctor",
    summary: "check this machine and this workspace",
    group: "flow itself",
    load: () => import("./doctor.ts"),
  },
  {
    name: "completion",
    summary: "print the completion script of a shell",
    group: "flow itself",
    load: () => import("./completion/completion.ts"),
  },
  {
    name: "completion-words",
    summary: "print the words that a shell completes",
    group: "flow itself",
    hidden: true,
    load: () => import("./completion/words.ts"),
  },
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
