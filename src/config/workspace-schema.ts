import * as z from "zod";
import { environment } from "./environment-schema.ts";
import { serviceName } from "./repository-schema.ts";
import { vendor } from "./vendor-schema.ts";

const npmScope = z.string().regex(/^[a-z0-9][a-z0-9._-]*$/, "must be an npm scope without the @, in lower case");

const modulePath = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/, "must be an import path such as example.com/acme");

const platform = z
  .string()
  .regex(
    /^(linux|darwin|win32)-(x64|arm64)(-musl)?$/,
    "must be a platform such as linux-x64, linux-x64-musl or darwin-arm64",
  );

const repository = z.strictObject({
  /** Git URL; without one the repository exists in this workspace only. */
  url: z.string().optional(),
  /** Branch or tag, default the remote's own default. */
  ref: z.string().optional(),
});

/** Where a tool comes from; see docs of `flow tool`. */
const tool = z
  .strictObject({
    /** An npm package in the mirror. */
    npm: z.string().optional(),
    /** The program in that package or on PATH, default the tool's name. */
    bin: z.string().optional(),
    /** A script in the mirror, by its path there. */
    file: z.string().optional(),
    /** A program of the machine, found on PATH, with the range of versions that will do. */
    system: z.string().optional(),
    /** A Go main package, built at exactly `version`. */
    go: z.string().optional(),
    version: z.string().optional(),
    /**
     * An archive (or the program itself) with `{version}`, `{os}`, `{arch}` in its URL. Checked against the SHA-256 list
     * at `sums`, or against hashes recorded here by platform.
     */
    release: z
      .strictObject({
        url: z.string(),
        sums: z.string().optional(),
        sha256: z
          .record(platform, z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in lower-case hex"))
          .optional(),
        /** The program in the archive, default the tool's name. */
        path: z.string().optional(),
      })
      .refine(({ sums, sha256 }) => (sums === undefined) !== (sha256 === undefined), {
        message: "must say what the archive is: sums (the URL of a SHA-256 list) or sha256 (by platform)",
      })
      .optional(),
  })
  .refine(({ npm, file, go, release, system }) => [npm, file, go, release, system].some((it) => it !== undefined), {
    message: "must name a source: npm, file, go, release or system",
  });

const consul = z
  .string()
  .refine((value) => ["auto", "real", "embedded"].includes(value) || /^https?:\/\/\S+$/.test(value), {
    message: "must be auto, real, embedded or the URL of an agent",
  });

/** Where `flow self-update` takes releases from, and whose it takes. */
const update = z
  .strictObject({
    /** Git repository whose tags `v<version>` hold releases, unpacked. Default: the mirror. */
    git: z.string().min(1).optional(),
    /** Registry of the team that serves the package goflow. */
    registry: z.url({ protocol: /^https?$/ }).optional(),
    /** stable (default) takes no pre-releases. */
    channel: z.enum(["stable", "next"]).optional(),
    /** Public keys that may sign, instead of those that the running release brought. */
    keys: z
      .array(z.string().regex(/^ed25519:[A-Za-z0-9+/]{43}=$/, "must be ed25519: and 32 bytes in base64"))
      .optional(),
  })
  .refine(({ git, registry }) => git === undefined || registry === undefined, {
    message: "must name one source: git or registry, or neither for the mirror",
  });

/** flow.yaml of a workspace: the team's definition. */
export const workspaceFile = z.strictObject({
  organization: npmScope,
  module: modulePath,
  /** Version of flow that this workspace runs, exact. */
  flow: z.string().optional(),
  mirror: z.strictObject({ url: z.string().min(1) }),
  update: update.optional(),
  repositories: z.record(serviceName, repository).optional(),
  /** Licences, install scripts and builds of what the mirror holds. */
  vendor: vendor.optional(),
  /** Platforms whose binaries the mirror holds, default the machine's own. */
  platforms: z.array(platform).optional(),
  tools: z.record(z.string().regex(/^[a-z0-9][a-z0-9._-]*$/), tool).optional(),
  /** Which agent `flow run` uses: auto (default), real, embedded, or a URL. */
  consul: consul.optional(),
  /** Name of the data centre that services run in, default dc1. */
  datacentre: serviceName.optional(),
  edge: z
    .strictObject({
      /** Port of the HTTP entry, default auto. */
      port: z.union([z.literal("auto"), z.int().min(1).max(65_535)]).optional(),
      enabled: z.boolean().optional(),
    })
    .optional(),
  /** Variables for every service. */
  env: environment.optional(),
  /** Names of variables of the personal environment that services may see. */
  passEnv: z.array(z.string()).optional(),
});

export type WorkspaceFile = z.infer<typeof workspaceFile>;
export type ToolDefinition = z.infer<typeof tool>;
export type RepositoryReference = z.infer<typeof repository>;

/** The keys that `config/*.yaml` may override. */
export const overlayKeys = ["consul", "datacentre", "edge", "env", "mirror", "passEnv", "platforms", "tools"] as const;
