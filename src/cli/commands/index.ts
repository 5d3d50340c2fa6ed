import type { CommandEntry } from "../command.ts";

/** Every command, in the order of help. Verbs are loaded when they run. */
export const commands: readonly CommandEntry[] = [
  // Start here
  // Dependencies and tools
  {
    name: "vendor add",
    summary: "bring a package or a git repository into the mirror",
    group: "Dependencies and tools",
    load: () => import("./vendor/add.ts"),
  },
  {
    name: "vendor update",
    summary: "move prefixes of the mirror to what upstream has now, patches kept",
    group: "Dependencies and tools",
    load: () => import("./vendor/update.ts"),
  },
  {
    name: "vendor list",
    summary: "list what the mirror holds",
    group: "Dependencies and tools",
    load: () => import("./vendor/list.ts"),
  },
  {
    name: "vendor status",
    summary: "tell which prefixes of the mirror are patched or changed",
    group: "Dependencies and tools",
    load: () => import("./vendor/status.ts"),
  },
  {
    name: "vendor verify",
    summary: "check every file of the mirror against what was recorded",
    group: "Dependencies and tools",
    load: () => import("./vendor/verify.ts"),
  },
  {
    name: "vendor push",
    summary: "publish the mirror to its remote",
    group: "Dependencies and tools",
    load: () => import("./vendor/push.ts"),
  },
  {
    name: "vendor sync",
    summary: "bring the mirror up to date with its remote",
    group: "Dependencies and tools",
    load: () => import("./vendor/sync.ts"),
  },
  // Write services
  {
    name: "gen",
    summary: "generate code from protos, and by the generators of flow.yaml",
    group: "Write services",
    load: () => import("./gen/gen.ts"),
  },
  {
    name: "new service",
    summary: "lay out a service: proto, class, first RPC, entry in flow.yaml",
    group: "Write services",
    load: () => import("./new/service.ts"),
  },
  {
    name: "new rpc",
    summary: "lay out an RPC: declaration, folder, method of the service class",
    group: "Write services",
    load: () => import("./new/rpc.ts"),
  },
  {
    name: "where",
    summary: "say which file implements an RPC",
    group: "Write services",
    load: () => import("./where/where.ts"),
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
