import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { embeddedVersion, readArguments, startEmbeddedAgent, type AgentConfig } from "./index.ts";

/** The process around the agent, handed in by its entry. */
export interface AgentProcess {
  /** What follows the program's name: `agent -dev …`, `version`. */
  args: readonly string[];
  cwd: string;
  pid: number;
  out: (text: string) => void;
  err: (text: string) => void;
  onSignal: (callback: (signal: "SIGINT" | "SIGTERM" | "SIGHUP") => void) => void;
}

/** Exit code of a server that was told to end, as with Consul. */
const endedBySignal = 1;

/** Does what `consul agent …` and `consul version` do, until a signal; resolves to the exit code. */
export async function runConsulAgent(program: AgentProcess): Promise<number> {
  const [command, ...args] = program.args;
  if (command === "version" || command === "--version" || command === "-v") {
    program.out(`Consul v${embeddedVersion}\nEmbedded agent of flow: Consul's HTTP API, not HashiCorp's program\n`);
    return 0;
  }
  if (command !== "agent") {
    program.err(`The embedded Consul agent of flow knows the commands agent and version, not ${command ?? "none"}\n`);
    return 127;
  }
  let config: AgentConfig;
  try {
    config = readArguments(args, program.cwd);
  } catch (error) {
    program.err(`==> ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  return await serve(program, config);
}

async function serve(program: AgentProcess, config: AgentConfig): Promise<number> {
  const log = (level: string, text: string) => program.out(`${new Date().toISOString()} [${level}] agent: ${text}\n`);
  try {
    const ended = new Promise<string>((resolve) =>
      program.onSignal((signal) => {
        if (signal === "SIGHUP") log("WARN", "the configuration is read at the start alone: SIGHUP has no effect");
        else resolve(signal);
      }),
    );
    const agent = await startEmbeddedAgent(config, (error) =>
      log("ERROR", error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
    if (config.pidFile !== undefined) {
      mkdirSync(dirname(config.pidFile), { recursive: true });
      writeFileSync(config.pidFile, String(program.pid));
    }
    program.out(banner(config, agent));
    for (const warning of config.warnings) log("WARN", warning);
    log("INFO", "Consul agent running!");
    log("INFO", `Caught signal ${await ended}, gracefully shutting down`);
    agent.close();
    if (config.pidFile !== undefined) rmSync(config.pidFile, { force: true });
    return endedBySignal;
  } catch (error) {
    program.err(`==> Error starting agent: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function banner(config: AgentConfig, { port, nodeId }: { port: number; nodeId: string }): string {
  return [
    "==> Starting Consul agent (embedded in flow)...",
    `           Version: '${embeddedVersion}'`,
    `           Node ID: '${nodeId}'`,
    `         Node name: '${config.nodeName}'`,
    `        Datacenter: '${config.datacenter}'`,
    `       Client Addr: [${config.clientAddresses.join(" ")}] (HTTP: ${port})`,
    `             State: ${config.dataDir ?? "in memory"}`,
    "",
    "==> Log data will now stream in as it occurs:",
    "",
    "",
  ].join("\n");
}
