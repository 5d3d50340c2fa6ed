import { homedir } from "node:os";
import { join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError, isFlowError } from "../../core/errors.ts";
import { run } from "../../core/process.ts";

/**
 * Go with its caches in `cache`. Its settings stay the person's own (GOENV), while its telemetry, which follows
 * XDG_CONFIG_HOME, goes to the cache too.
 */
export function goEnvironment(ctx: Pick<FlowContext, "env">, cache: string): Record<string, string> {
  const config = ctx.env.XDG_CONFIG_HOME ?? join(ctx.env.HOME ?? homedir(), ".config");
  return {
    GOCACHE: join(cache, "build"),
    GOMODCACHE: join(cache, "mod"),
    GOPATH: cache,
    GOENV: ctx.env.GOENV ?? join(config, "go", "env"),
    XDG_CONFIG_HOME: join(cache, "config"),
    GOFLAGS: "-mod=mod -buildvcs=false",
    GOWORK: "off",
    GOTOOLCHAIN: "local",
  };
}

export interface GoCommand {
  cwd: string;
  cache: string;
  /** Module paths that only the team itself has: no proxy, checksum database or version control is asked for them. */
  own: readonly string[];
  /** Ends it after this many ms without a line of output. */
  idleTimeoutMs: number;
  onLine?: (line: string) => void;
}

/**
 * Runs the installed Go and gives its standard output. Standard error is what it says of its downloads.
 * @throws FlowError FLOW_COMMAND_NOT_FOUND without Go, FLOW_VENDOR_RESOLVE, FLOW_VENDOR_FETCH, FLOW_TIMEOUT
 */
export async function goCommand(ctx: FlowContext, args: readonly string[], command: GoCommand): Promise<string> {
  const { cwd, cache, own, idleTimeoutMs, onLine } = command;
  try {
    const { stdout } = await run(ctx, ["go", ...args], {
      cwd,
      env: { ...goEnvironment(ctx, cache), ...withoutOwn(ctx, own) },
      idleTimeoutMs,
      ...(onLine === undefined ? {} : { onStderrLine: (line: string) => onLine(line.replace(/^(go: |# )/, "")) }),
    });
    return stdout;
  } catch (error) {
    throw explainGo(error, own);
  }
}

/** `GOVCS=…:off` is what makes Go refuse a module that no proxy may be asked for. */
function withoutOwn({ env }: FlowContext, own: readonly string[]): Record<string, string> {
  if (own.length === 0) return {};
  const patterns = own.flatMap((path) => [path, `${path}/*`]).join(",");
  const joined = (name: string) => [patterns, env[name] ?? env.GOPRIVATE ?? ""].filter(Boolean).join(",");
  return {
    GONOPROXY: joined("GONOPROXY"),
    GONOSUMDB: joined("GONOSUMDB"),
    GOVCS: `${own.flatMap((path) => [`${path}:off`, `${path}/*:off`]).join(",")},${env.GOVCS ?? "public:git|hg,private:all"}`,
  };
}

function explainGo(error: unknown, own: readonly string[]): unknown {
  if (isFlowError(error, "FLOW_COMMAND_NOT_FOUND")) {
    return new FlowError("FLOW_COMMAND_NOT_FOUND", "Go is not installed, and Go modules are resolved by Go itself", {
      hint: "install Go 1.21 or later, so that `go version` works here",
    });
  }
  if (!isFlowError(error, "FLOW_COMMAND_FAILED")) return error;
  const said = String(error.cause ?? "")
    .split("\n")
    .filter((line) => !/^# (get|git) /.test(line))
    .map((line) => line.replace(/^go: /, ""))
    .join("\n")
    .trim();
  const fail = (
    code: "FLOW_VENDOR_RESOLVE" | "FLOW_VENDOR_FETCH" | "FLOW_VENDOR_OWN_NAME",
    text: string,
    hint: string,
  ) => new FlowError(code, text, { cause: said, hint });
  if (own.some((path) => said.includes(path))) {
    return fail(
      "FLOW_VENDOR_OWN_NAME",
      "a Go module of your own is never taken from a proxy, where anybody could claim its name",
      "add it from its git repository first: flow vendor add git@host:org/repo.git",
    );
  }
  if (/checksum mismatch|SECURITY ERROR/.test(said)) {
    return fail(
      "FLOW_VENDOR_FETCH",
      "a Go module is not what go.sum or the checksum database says",
      "it was changed on the way or replaced where it comes from; nothing was imported. Check GOPROXY",
    );
  }
  if (/dial tcp|connection refused|no such host|i\/o timeout|TLS|50[0-9]|unexpected EOF|reset by peer/.test(said)) {
    return fail(
      "FLOW_VENDOR_FETCH",
      "the Go module proxy is out of reach",
      "check the network, GOPROXY and the proxy settings, and run the command again: what arrived is kept",
    );
  }
  if (/requires go >= /.test(said)) {
    return fail(
      "FLOW_VENDOR_RESOLVE",
      "a Go module needs a newer Go than the one here",
      "install that Go, or ask for an older version of the module",
    );
  }
  return fail(
    "FLOW_VENDOR_RESOLVE",
    "Go finds no such module or version",
    "check the module's path and version; for a private one GOPROXY and GOPRIVATE",
  );
}
