import type { CommandEntry } from "../command.ts";

/** Every command, in the order of help. Verbs are loaded when they run. */
export const commands: readonly CommandEntry[] = [
  // Start here
  {
    name: "bootstrap",
    summary: "make a workspace, join a team's, or mend this one",
    group: "Start here",
    load: () => import("./bootstrap/bootstrap.ts"),
  },
  {
    name: "demo",
    summary: "make an example workspace, run it, and show a call answered",
    group: "Start here",
    load: () => import("./demo/demo.ts"),
  },
  // Dependencies and tools
  {
    name: "tool install",
    summary: "install the tools that flow.yaml and the mirror pin",
    group: "Dependencies and tools",
    load: () => import("./tool/install.ts"),
  },
  {
    name: "tool list",
    summary: "show the workspace's tools and what is installed of them",
    group: "Dependencies and tools",
    load: () => import("./tool/list.ts"),
  },
  {
    name: "tool which",
    summary: "print where an installed tool lies",
    group: "Dependencies and tools",
    load: () => import("./tool/which.ts"),
  },
  {
    name: "vendor init",
    summary: "make a mirror of its own",
    group: "Dependencies and tools",
    load: () => import("./vendor/init.ts"),
  },
  {
    name: "vendor add",
    summary: "bring a package, a Go module or a git repository into the mirror",
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
    name: "vendor remove",
    summary: "take packages and sources out of the mirror",
    group: "Dependencies and tools",
    load: () => import("./vendor/remove.ts"),
  },
  {
    name: "vendor continue",
    summary: "finish an update whose conflicts you resolved",
    group: "Dependencies and tools",
    load: () => import("./vendor/continue.ts"),
  },
  {
    name: "vendor abort",
    summary: "take back an update that stopped at a conflict",
    group: "Dependencies and tools",
    load: () => import("./vendor/abort.ts"),
  },
  {
    name: "vendor list",
    summary: "list what the mirror holds",
    group: "Dependencies and tools",
    load: () => import("./vendor/list.ts"),
  },
  {
    name: "vendor outdated",
    summary: "tell what upstream has that the mirror does not",
    group: "Dependencies and tools",
    load: () => import("./vendor/outdated.ts"),
  },
  {
    name: "vendor licenses",
    summary: "report the licences of what the mirror holds, and check them",
    group: "Dependencies and tools",
    load: () => import("./vendor/licenses.ts"),
  },
  {
    name: "vendor status",
    summary: "tell which prefixes of the mirror are patched or changed",
    group: "Dependencies and tools",
    load: () => import("./vendor/status.ts"),
  },
  {
    name: "vendor diff",
    summary: "show what we changed in the mirror, beside what upstream has",
    group: "Dependencies and tools",
    load: () => import("./vendor/diff.ts"),
  },
  {
    name: "vendor patches",
    summary: "export our patches of a prefix as a series for its upstream",
    group: "Dependencies and tools",
    load: () => import("./vendor/patches.ts"),
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
    name: "vendor unshallow",
    summary: "prepare a shallow or sparse clone of the mirror for git subtree by hand",
    group: "Dependencies and tools",
    load: () => import("./vendor/unshallow.ts"),
  },
  {
    name: "vendor sync",
    summary: "bring the mirror up to date with its remote",
    group: "Dependencies and tools",
    load: () => import("./vendor/sync.ts"),
  },
  {
    name: "vendor doctor",
    summary: "rebuild the mirror's manifest from its history",
    group: "Dependencies and tools",
    load: () => import("./vendor/doctor.ts"),
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
  {
    name: "run",
    summary: "start services with a local Consul and the edge, and follow them",
    group: "Run them",
    load: () => import("./run/run.ts"),
  },
  {
    name: "ps",
    summary: "show what runs",
    group: "Run them",
    load: () => import("./run/ps.ts"),
  },
  {
    name: "wait",
    summary: "wait until everything that runs is ready",
    group: "Run them",
    load: () => import("./run/wait.ts"),
  },
  {
    name: "attach",
    summary: "follow a run in this terminal; Ctrl-C leaves it running",
    group: "Run them",
    load: () => import("./run/attach.ts"),
  },
  {
    name: "logs",
    summary: "show what services wrote, also of a run that ended",
    group: "Run them",
    load: () => import("./run/logs.ts"),
  },
  {
    name: "restart",
    summary: "restart services of the run",
    group: "Run them",
    load: () => import("./run/restart.ts"),
  },
  {
    name: "stop",
    summary: "stop the run, or some of its services",
    group: "Run them",
    load: () => import("./run/stop.ts"),
  },
  {
    name: "call",
    summary: "call a method of a running service, and print its answer as JSON",
    group: "Run them",
    load: () => import("./call/call.ts"),
  },
  {
    name: "services",
    summary: "show what is registered in Consul: services, instances, methods and their options",
    group: "Run them",
    load: () => import("./services/services.ts"),
  },
  // Workspace
  {
    name: "env",
    summary: "print the workspace's environment for a shell, or where a setting comes from",
    group: "Workspace",
    load: () => import("./env/env.ts"),
  },
  {
    name: "shell",
    summary: "start your shell inside the workspace",
    group: "Workspace",
    load: () => import("./shell/shell.ts"),
  },
  {
    name: "exec",
    summary: "run a program with the workspace's tools, without activating it",
    group: "Workspace",
    load: () => import("./exec/exec.ts"),
  },
  {
    name: "script",
    summary: "run one of the team's own scripts, or list them",
    group: "Workspace",
    load: () => import("./script/script.ts"),
  },
  // flow itself
  {
    name: "doctor",
    summary: "check this machine and this workspace",
    group: "flow itself",
    load: () => import("./doctor.ts"),
  },
  {
    name: "self-update",
    summary: "move this workspace to another version of flow, with its Node and tools",
    group: "flow itself",
    load: () => import("./self-update/self-update.ts"),
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
    name: "schema",
    summary: "print the JSON Schema of flow.yaml, for editors",
    group: "flow itself",
    load: () => import("./schema.ts"),
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
