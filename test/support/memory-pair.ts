import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { checkoutRoot } from "./context.ts";

export interface MemoryResult {
  /** What the client said. */
  client: Record<string, number>;
  /** By how much the server grew meanwhile. */
  serverBytes: number;
}

/** Runs one measurement of transport-memory.ts between two processes. */
export async function measureMemory(kind: "connections" | "idleStreams" | "pausedReader"): Promise<MemoryResult> {
  const server = memorySide("server");
  const client = memorySide("client", kind, await server.line());
  try {
    const held = async () => {
      server.say();
      return Number(await server.line());
    };
    // Streams are counted without the connections that carry them.
    if (kind === "idleStreams") await client.line();
    const before = await held();
    client.say();
    const found = JSON.parse(await client.line()) as Record<string, number>;
    return { client: found, serverBytes: (await held()) - before };
  } finally {
    client.stop();
    server.stop();
  }
}

/** A process of transport-memory.ts: its lines, one after the other, and its input. */
interface MemorySide {
  line(): Promise<string>;
  say(): void;
  stop(): void;
}

function memorySide(...args: readonly string[]): MemorySide {
  const program = join(checkoutRoot, "test/support/transport-memory.ts");
  const child = spawn(process.execPath, ["--expose-gc", program, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    line: async () => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`${args.join(" ")} ended`);
      return value;
    },
    say: () => void child.stdin.write("\n"),
    stop: () => void child.kill(),
  };
}
