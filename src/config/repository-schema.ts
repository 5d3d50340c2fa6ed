import * as z from "zod";
import { command } from "./command.ts";
import { duration } from "./duration.ts";
import { environment } from "./environment-schema.ts";
import { vendor } from "./vendor-schema.ts";

/** A service's name: it is the name in Consul, of its log file and of its directory. RFC 1123 label. */
export const serviceName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be lower-case letters, digits and hyphens, at most 63");

/** When a dependent may start: the dependency's process runs, its gate is passed, or it ended with 0. */
const dependencyCondition = z.enum(["started", "ready", "completed"]);

const depends = z
  .union([z.array(serviceName), z.record(serviceName, dependencyCondition)])
  .transform((value): Record<string, z.infer<typeof dependencyCondition>> =>
    Array.isArray(value) ? Object.fromEntries(value.map((name) => [name, "ready" as const])) : value,
  );

function isPattern(text: string): boolean {
  try {
    void new RegExp(text);
    return true;
  } catch {
    return false;
  }
}

/** What makes a service ready. Exactly one kind. */
const gate = z
  .strictObject({
    /** The process runs. */
    started: z.literal(true).optional(),
    /** Its port accepts TCP connections. */
    tcp: z.literal(true).optional(),
    /** A GET of this path answers 2xx or 3xx. */
    http: z.string().startsWith("/").optional(),
    /** grpc.health.v1 answers SERVING, for the whole server or the named proto service. */
    grpc: z.union([z.literal(true), z.string()]).optional(),
    /** Consul shows the instance as passing. */
    consul: z.literal(true).optional(),
    /** A line of its output matches this regular expression. */
    log: z.string().refine(isPattern, "must be a regular expression").optional(),
    /** It ended with exit code 0. */
    completed: z.literal(true).optional(),
    /** How long it may take, default 60s. */
    timeout: duration.optional(),
  })
  .refine((value) => Object.keys(value).filter((key) => key !== "timeout").length === 1, {
    message: "must name exactly one of started, tcp, http, grpc, consul, log, completed",
  });

const restart = z.strictObject({
  /** Default on-failure. */
  policy: z.enum(["always", "on-failure", "never"]).optional(),
  /** First delay, doubled at each crash, default 500ms. */
  backoff: duration.optional(),
  /** Longest delay, default 30s. */
  maxBackoff: duration.optional(),
  /** Crashes in a row after which it counts as crash-looping, default 5. */
  attempts: z.int().min(1).optional(),
  /** Uptime after which the count starts anew, default 10s. */
  stableAfter: duration.optional(),
});

export const service = z
  .strictObject({
    description: z.string().optional(),
    /** A TypeScript or JavaScript file that the pinned Node runs directly; it serves with goflow/runtime. */
    entry: z.string().optional(),
    /** Any program in any language. Flow registers it in Consul and checks its health on its behalf. */
    command: command.optional(),
    /** A container image that docker or podman runs; `command` replaces its own command. Registered like a command. */
    image: z.string().min(1).optional(),
    /** Port that the program in the container listens on; default the same as outside, given to it as PORT. */
    containerPort: z.int().min(1).max(65_535).optional(),
    /** `name:/path` keeps a named volume of this service, `./directory:/path` shows it a directory; `:ro` read-only. */
    volumes: z
      .array(
        z
          .string()
          .regex(
            /^(\.{0,2}\/[^:]*|\.{1,2}|[a-zA-Z0-9][a-zA-Z0-9_.-]*):\/[^:]*(:[a-zA-Z,]+)?$/,
            "must be name:/path or ./directory:/path",
          ),
      )
      .optional(),
    /** Working directory relative to the flow.yaml, default its own directory. */
    directory: z.string().optional(),
    env: environment.optional(),
    /** `auto` (default): a free port, the same at every start; a number: that one or a loud refusal; `none`: it listens on nothing. Given to the process as FLOW_PORT and PORT. */
    port: z.union([z.literal("auto"), z.literal("none"), z.int().min(1).max(65_535)]).optional(),
    depends: depends.optional(),
    /** Default: consul for an entry, tcp for a command with a port, else started. */
    ready: gate.optional(),
    /** Registration by flow on behalf of a command (default true when it has a port); tags are added to it. An entry registers itself. */
    consul: z.union([z.boolean(), z.strictObject({ tags: z.array(z.string()).optional() })]).optional(),
    restart: z
      .union([z.enum(["always", "on-failure", "never"]).transform((policy) => ({ policy })), restart])
      .optional(),
    stop: z
      .strictObject({
        /** Default TERM. */
        signal: z.enum(["TERM", "INT", "HUP", "QUIT", "USR1", "USR2"]).optional(),
        /** Time until KILL, default 5s. */
        timeout: duration.optional(),
      })
      .optional(),
  })
  .refine(({ entry, command, image }) => (entry === undefined) !== (command === undefined && image === undefined), {
    message: "must have either entry, or command, or image",
  })
  .refine(({ image, containerPort, volumes }) => image !== undefined || (containerPort ?? volumes) === undefined, {
    message: "containerPort and volumes are for an image",
  });

const generator = z.strictObject({
  /** A tool of the workspace; its path replaces the first word of `command`. */
  tool: z.string().optional(),
  command: z.array(z.string()).min(1),
  /** Globs relative to the repository: it runs when one of them changed. */
  inputs: z.array(z.string()).min(1),
  /** Globs of what it writes. */
  outputs: z.array(z.string()).min(1),
});

/** flow.yaml of a repository, or of any directory with programs to run. */
export const repositoryFile = z.strictObject({
  /** Default: the directory's name. */
  name: serviceName.optional(),
  services: z.record(serviceName, service).optional(),
  generators: z.record(z.string(), generator).optional(),
  /** `mirror`: its Go modules take their requirements from the mirror. Default: they build as they do anywhere. */
  go: z.literal("mirror").optional(),
  /** Of a repository that is a mirror itself; in a workspace its own flow.yaml says this. */
  vendor: vendor.optional(),
});

export type RepositoryFile = z.infer<typeof repositoryFile>;
export type ServiceDefinition = z.infer<typeof service>;
export type ReadyGate = z.infer<typeof gate>;
export type DependencyCondition = z.infer<typeof dependencyCondition>;
export type GeneratorDefinition = z.infer<typeof generator>;
