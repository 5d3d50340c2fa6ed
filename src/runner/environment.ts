import { readFile } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { parseEnv } from "node:util";
import type { Environment, ServiceOrigin, Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { shellArgv } from "./argv.ts";
import type { RunScope } from "./scope.ts";
import type { SecretSource } from "./types.ts";

/** What of the personal environment every service may see; `passEnv` in flow.yaml adds names. */
const allowed = [
  "HOME",
  "USER",
  "LOGNAME",
  "LANG",
  "TZ",
  "TMPDIR",
  "TERM",
  "SHELL",
  "XDG_CACHE_HOME",
  "XDG_RUNTIME_DIR",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
];

/** The environment that services start from: nothing of the personal one that is not allowed. */
export function baseEnvironment(ctx: FlowContext, workspace: Workspace | undefined): Record<string, string> {
  const { env, installation } = ctx;
  const names = new Set([
    ...allowed,
    ...Object.keys(env).filter((name) => name.startsWith("LC_")),
    ...(workspace?.definition.passEnv ?? []),
  ]);
  const passed = Object.fromEntries([...names].flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
  const bin = workspace === undefined ? [] : [workspace.paths.bin];
  return {
    ...passed,
    PATH: [...bin, resolve(installation.nodePath, ".."), env.PATH ?? "/usr/bin:/bin"].join(delimiter),
    ...(workspace === undefined ? {} : { FLOW_HOME: workspace.paths.home }),
    ...splitEnvironment(workspace?.definition.env, ctx.cwd).plain,
  };
}

export interface ServiceVariables {
  plain: Record<string, string>;
  secrets: Record<string, SecretSource>;
}

/**
 * Variables of a service as flow.yaml of the workspace, that of its repository and `config/<service>.env` have them; a
 * later one stands over an earlier one. Relative paths and commands of secrets start where their flow.yaml lies.
 */
export async function serviceVariables(
  { workspace, home, services }: RunScope,
  name: string,
): Promise<ServiceVariables> {
  const { definition, repository } = services.get(name) as ServiceOrigin;
  const layers = [
    splitEnvironment(workspace?.definition.env, home),
    splitEnvironment(definition.env, repository.dir),
    { plain: await fileVariables(join(home, "config", `${name}.env`)), secrets: {} },
  ];
  const result: ServiceVariables = { plain: {}, secrets: {} };
  for (const { plain, secrets } of layers) {
    for (const key of Object.keys(plain)) delete result.secrets[key];
    for (const key of Object.keys(secrets)) delete result.plain[key];
    Object.assign(result.plain, plain);
    Object.assign(result.secrets, secrets);
  }
  return result;
}

function splitEnvironment(environment: Environment = {}, directory: string): ServiceVariables {
  const result: ServiceVariables = { plain: {}, secrets: {} };
  for (const [name, value] of Object.entries(environment)) {
    if (typeof value === "string") result.plain[name] = value;
    else if ("secret" in value) result.secrets[name] = { argv: shellArgv(value.secret), directory };
    else result.secrets[name] = { file: resolve(directory, value.secretFile) };
  }
  return result;
}

async function fileVariables(path: string): Promise<Record<string, string>> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return {};
  return Object.fromEntries(
    Object.entries(parseEnv(text)).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
