import { readFile } from "node:fs/promises";
import { join } from "node:path";
import ini from "ini";
import type { FlowContext } from "../../core/context.ts";
import { networkTimeoutMs } from "../../core/network-timeout.ts";
import { Packuments, type OwnNames } from "./names.ts";

/** Options for npm's own libraries (registry, scopes, tokens, proxies). Holds secrets: never print it. */
export type NpmSettings = Readonly<Record<string, unknown>>;

/** Settings that are numbers or flags, by their name in `.npmrc`, with their name in npm's libraries. */
const named: Readonly<Record<string, string>> = {
  registry: "registry",
  proxy: "proxy",
  "https-proxy": "httpsProxy",
  noproxy: "noProxy",
  "strict-ssl": "strictSSL",
  cafile: "cafile",
  ca: "ca",
  "fetch-timeout": "timeout",
  "fetch-retries": "fetchRetries",
  "local-address": "localAddress",
};

/** Tries of one request in all; together they may take as long as a host may be silent. */
const tries = 3;

/**
 * npm's settings as npm reads them, lowest first: `~/.npmrc` (or npm_config_userconfig), the `.npmrc` of the projects,
 * `npm_config_…` variables. Names that are ours are stopped here: no request for one leaves the machine.
 */
export async function npmSettings(
  ctx: FlowContext,
  { cache, projects, own }: { cache: string; projects: readonly string[]; own: OwnNames },
): Promise<NpmSettings> {
  const { env } = ctx;
  const userConfig = env.npm_config_userconfig ?? (env.HOME === undefined ? undefined : join(env.HOME, ".npmrc"));
  const raw: Record<string, unknown> = {};
  for (const path of [userConfig, ...new Set(projects.map((dir) => join(dir, ".npmrc")))]) {
    if (path !== undefined) Object.assign(raw, expand(ini.parse(await readFile(path, "utf8").catch(() => "")), env));
  }
  for (const [name, value] of Object.entries(env)) {
    const match = /^npm_config_(.+)$/i.exec(name);
    if (match === null || value === undefined || value === "") continue;
    const key = match[1] as string;
    // Scopes and hosts keep their spelling; of other names npm reads `_` as `-`.
    raw[key.startsWith("@") || key.startsWith("//") ? key : key.toLowerCase().replaceAll("_", "-")] = value;
  }
  const settings: Record<string, unknown> = {
    timeout: Math.ceil(networkTimeoutMs(ctx) / tries),
    fetchRetries: tries - 1,
    fetchRetryFactor: 2,
    fetchRetryMintimeout: 200,
    fetchRetryMaxtimeout: 2_000,
    cache,
    packumentCache: new Packuments(own),
    userAgent: `flow/${ctx.installation.version}`,
    // Nothing but a registry: a git dependency would run its scripts, and a path would leave the mirror.
    allowGit: "none",
    allowRemote: "none",
    allowFile: "root",
    allowDirectory: "root",
  };
  for (const [key, value] of Object.entries(raw)) {
    if (key.startsWith("@") || key.startsWith("//")) settings[key] = value;
    else if (named[key] !== undefined) settings[named[key]] = convert(value);
  }
  settings.httpsProxy ??= env.HTTPS_PROXY ?? env.https_proxy;
  settings.proxy ??= env.HTTP_PROXY ?? env.http_proxy;
  settings.noProxy ??= env.NO_PROXY ?? env.no_proxy;
  return Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined && value !== null && value !== "null"),
  );
}

function convert(value: unknown): unknown {
  if (value === "true" || value === true) return true;
  if (value === "false" || value === false) return false;
  return typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
}

/** `${NAME}` in .npmrc stands for a variable. */
function expand(values: Record<string, unknown>, env: FlowContext["env"]): Record<string, unknown> {
  const text = (value: string) => value.replace(/\$\{([^}]+)\}/g, (whole, name: string) => env[name] ?? whole);
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [text(key), typeof value === "string" ? text(value) : value]),
  );
}
