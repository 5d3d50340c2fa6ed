import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { DecodeError, parseBody } from "../go/decode.ts";
import { configure, decodeSettings, mergeSettings, type AgentConfig, type Settings } from "./config.ts";

type Flag =
  | { kind: "boolean"; apply?: (on: boolean) => Settings }
  | { kind: "value"; apply?: (value: string) => Settings }
  | { kind: "file" }
  | { kind: "inline" };

const port = (name: string): Flag => ({
  kind: "value",
  apply: (value) => ({ ports: { [name]: integer(name, value) } }),
});
const text = (name: keyof Settings): Flag => ({ kind: "value", apply: (value) => ({ [name]: value }) });
const ignoredValue: Flag = { kind: "value" };
const ignoredSwitch: Flag = { kind: "boolean" };

/** Flags of `consul agent` (https://developer.hashicorp.com/consul/docs/agent/config/cli-flags). */
const flags: Readonly<Record<string, Flag>> = {
  advertise: text("advertise_addr"),
  "advertise-wan": ignoredValue,
  bind: text("bind_addr"),
  bootstrap: ignoredSwitch,
  "bootstrap-expect": ignoredValue,
  client: text("client_addr"),
  "config-dir": { kind: "file" },
  "config-file": { kind: "file" },
  "config-format": ignoredValue,
  "data-dir": text("data_dir"),
  datacenter: text("datacenter"),
  dev: { kind: "boolean", apply: (dev) => ({ dev }) },
  "disable-host-node-id": ignoredSwitch,
  "disable-keyring-file": ignoredSwitch,
  "dns-port": port("dns"),
  domain: ignoredValue,
  "enable-local-script-checks": ignoredSwitch,
  "enable-script-checks": { kind: "boolean", apply: (on) => ({ enable_script_checks: on }) },
  encrypt: text("encrypt"),
  "grpc-port": port("grpc"),
  "grpc-tls-port": port("grpc_tls"),
  hcl: { kind: "inline" },
  "http-port": port("http"),
  "https-port": port("https"),
  join: { kind: "value", apply: (address) => ({ join: [address] }) },
  "log-file": ignoredValue,
  "log-json": ignoredSwitch,
  "log-level": ignoredValue,
  node: text("node_name"),
  "node-id": text("node_id"),
  "node-meta": { kind: "value", apply: nodeMeta },
  "pid-file": text("pid_file"),
  "raft-protocol": ignoredValue,
  recursor: ignoredValue,
  rejoin: ignoredSwitch,
  "retry-join": { kind: "value", apply: (address) => ({ retry_join: [address] }) },
  "serf-lan-allowed-cidrs": ignoredValue,
  "serf-lan-bind": ignoredValue,
  "serf-lan-port": port("serf_lan"),
  "serf-wan-allowed-cidrs": ignoredValue,
  "serf-wan-bind": ignoredValue,
  "serf-wan-port": port("serf_wan"),
  server: ignoredSwitch,
  "server-port": port("server"),
  syslog: ignoredSwitch,
  ui: ignoredSwitch,
  "ui-dir": ignoredValue,
};

/**
 * Reads the arguments of `consul agent` and the configuration files they name; paths are relative to `cwd`.
 * @throws DecodeError with Consul's kind of sentence
 */
export function readArguments(args: readonly string[], cwd: string): AgentConfig {
  const fromFiles: Settings[] = [];
  const fromFlags: Settings[] = [];
  for (const { name, flag, value } of parseFlags(args)) {
    if (flag.kind === "file") fromFiles.push(...readFiles(resolve(cwd, value)));
    else if (flag.kind === "inline") fromFiles.push(parseSettings(value, `-${name}`));
    else if (flag.kind === "value") fromFlags.push(flag.apply?.(value) ?? {});
    else fromFlags.push(flag.apply?.(boolean(name, value)) ?? {});
  }
  const config = configure(mergeSettings([...fromFiles, ...fromFlags]));
  return {
    ...config,
    dataDir: config.dataDir === undefined ? undefined : resolve(cwd, config.dataDir),
    pidFile: config.pidFile === undefined ? undefined : resolve(cwd, config.pidFile),
  };
}

function* parseFlags(args: readonly string[]): Generator<{ name: string; flag: Flag; value: string }> {
  for (let at = 0; at < args.length; at++) {
    const argument = args[at] ?? "";
    const [, name, inline] = /^--?([A-Za-z][A-Za-z-]*)(?:=([\s\S]*))?$/.exec(argument) ?? [];
    if (name === undefined) throw new DecodeError(`Unexpected extra arguments: [${args.slice(at).join(" ")}]`);
    const flag = flags[name];
    if (flag === undefined) throw new DecodeError(`flag provided but not defined: -${name}`);
    if (inline !== undefined) yield { name, flag, value: inline };
    else if (flag.kind === "boolean") yield { name, flag, value: "true" };
    else {
      const value = args[++at];
      if (value === undefined) throw new DecodeError(`flag needs an argument: -${name}`);
      yield { name, flag, value };
    }
  }
}

/** A file, or the .json files of a directory in alphabetical order. */
function readFiles(path: string): Settings[] {
  if (!statSync(path).isDirectory()) return [parseSettings(readFileSync(path, "utf8"), path)];
  return readdirSync(path)
    .filter((name) => name.endsWith(".json") || name.endsWith(".hcl"))
    .sort()
    .map((name) => parseSettings(readFileSync(join(path, name), "utf8"), join(path, name)));
}

function parseSettings(content: string, origin: string): Settings {
  try {
    return decodeSettings(parseBody(content));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const hint = content.trimStart().startsWith("{") ? "" : " (flow's embedded agent reads JSON, not HCL)";
    throw new DecodeError(`failed to parse ${origin}: ${error.message}${hint}`, { cause: error });
  }
}

function nodeMeta(pair: string): Settings {
  const [key = "", ...rest] = pair.split(":");
  return { node_meta: { [key]: rest.join(":") } };
}

function integer(name: string, value: string): number {
  if (!/^-?\d+$/.test(value)) throw new DecodeError(`invalid value "${value}" for flag -${name}-port`);
  return Number(value);
}

function boolean(name: string, value: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new DecodeError(`invalid boolean value "${value}" for -${name}`);
}
