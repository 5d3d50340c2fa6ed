import { create, toJsonString } from "@bufbuild/protobuf";
import { join } from "node:path";
import { LookupSchema, ProductSchema } from "../fixtures/proto/test/bench_pb.ts";
import { checkoutRoot } from "../support/context.ts";
import { measureMemory } from "../support/memory-pair.ts";
import type { Bench } from "./support/bench.ts";
import { median } from "./support/measure.ts";
import { duration, markdownTable } from "./support/table.ts";
import { buildGoPeer } from "./transport/go-peer.ts";
import type { Load } from "./transport/load.ts";
import { startPair, type Measured, type Pair, type Program } from "./transport/pair.ts";
import { get, lookup } from "./transport/peer.ts";

const rounds = 7;
const ms = 1_000;

const loads: readonly { title: string; what: Load }[] = [
  { title: "Unary, 64 calls at a time on one connection", what: { kind: "calls", concurrency: 64, ms } },
  { title: "Unary, one call at a time", what: { kind: "calls", concurrency: 1, ms } },
  { title: "Unary, 1,000 calls per second whatever becomes of them", what: { kind: "paced", perSecond: 1_000, ms } },
  { title: "One stream of messages with 100 bytes", what: { kind: "stream", bytes: 100, ms } },
  { title: "One stream of messages with 64 KiB", what: { kind: "stream", bytes: 65_536, ms } },
];

const baseline = "grpc-js";
const own = "`native`";
const ownShared = "`native`, shared port";

const introduction =
  "Requests of 95 bytes, answers of 600, encoded and decoded: client and server are a process each, with one connection, " +
  "and all stay while they take turns. In brackets: beside grpc-js, the median over the rounds. `native` is the transport " +
  "with a codec on it, *runtime* what a service's author uses. CPU seconds are steadier than seconds where a machine is shared.";

/** gRPC over several implementations: the same messages, a client and a server process each, in turns. */
export async function measure({ dir, env }: Bench): Promise<string> {
  const pairs = new Map<string, Pair>();
  try {
    for (const [name, program] of Object.entries(await programs(dir, env))) pairs.set(name, await startPair(program));
    const results = new Map<Load, Map<string, Measured[]>>();
    for (let round = 0; round <= rounds; round++) {
      for (const { what } of loads) {
        for (const [name, pair] of pairs) {
          const measured = await pair.load(what);
          // The first round warms up.
          if (round === 0) continue;
          const ofLoad = results.get(what) ?? new Map<string, Measured[]>();
          results.set(what, ofLoad.set(name, [...(ofLoad.get(name) ?? []), measured]));
        }
      }
    }
    const tables = loads.map(
      ({ title, what }) => `${title}:\n\n${table(what, results.get(what) as Map<string, Measured[]>)}`,
    );
    const ports = await sharedPort(pairs.get(own) as Pair, pairs.get(ownShared) as Pair);
    return [introduction, ...tables, ports, await scale()].join("\n\n");
  } finally {
    for (const pair of pairs.values()) pair.stop();
  }
}

async function programs(dir: string, env: Record<string, string>): Promise<Record<string, Program>> {
  const program = (peer: string, more: Record<string, string> = {}): Program => ({
    argv: [process.execPath, join(checkoutRoot, "test/bench/transport/program.ts"), peer],
    env: { ...env, FLOW_LOG_LEVEL: "error", ...more },
  });
  const go = await buildGoPeer(dir);
  return {
    [baseline]: program("grpc-js"),
    "nice-grpc": program("nice-grpc"),
    "connect-node": program("connect"),
    ...(go === undefined
      ? {}
      : {
          "grpc-go": {
            argv: [go] as const,
            env: {
              ...env,
              BENCH_LOOKUP: toJsonString(LookupSchema, create(LookupSchema, lookup)),
              BENCH_PRODUCT: toJsonString(ProductSchema, create(ProductSchema, get({ id: "" }))),
            },
          },
        }),
    "runtime on grpc-js": program("runtime", { FLOW_TRANSPORT: "grpc-js" }),
    "runtime on `native`": program("runtime", { FLOW_TRANSPORT: "native" }),
    [own]: program("native"),
    [ownShared]: program("native-shared"),
  };
}

/** A small difference, if there is one: many short rounds, the two beside each other. */
async function sharedPort(alone: Pair, shared: Pair): Promise<string> {
  const what: Load = { kind: "calls", concurrency: 64, ms: 400 };
  const rows: [alone: Measured, shared: Measured][] = [];
  for (let round = 0; round < 31; round++) rows.push([await alone.load(what), await shared.load(what)]);
  const ratio = (pick: (one: Measured) => number) =>
    `${(100 * median(rows.map(([one, other]) => pick(other) / pick(one)))).toFixed(0)} %`;
  return `A port that HTTP/1.1 shares takes ${ratio(perSecond)} of the calls per second of one that it does not, ${ratio(perServerCpu)} per CPU second of the server.`;
}

/** What many connections and streams of \`native\` cost. */
async function scale(): Promise<string> {
  const connections = await measureMemory("connections");
  const streams = await measureMemory("idleStreams");
  const reader = await measureMemory("pausedReader");
  const { count, answered, openMs, ms: took } = connections.client as Record<string, number>;
  return [
    `- ${figure(count as number)} connections: opened with a call on each in ${duration(openMs as number)}, all called again in ${duration((took as number) - (openMs as number))}; ${figure(answered as number)} calls answered, ${bytes(connections.serverBytes / (count as number))} each in the server.`,
    `- 10,000 idle streams: ${bytes(streams.client.bytesEach as number)} each in the client, ${bytes(streams.serverBytes / 10_000)} in the server.`,
    `- 1 GiB through a reader that pauses: the client grew by ${bytes(reader.client.grownBytes as number)}, the server by ${bytes(reader.serverBytes)}.`,
  ].join("\n");
}

function bytes(value: number): string {
  if (value < 0) return "nothing";
  return value < 2 ** 20 ? `${(value / 2 ** 10).toFixed(1)} KiB` : `${(value / 2 ** 20).toFixed(1)} MiB`;
}

function table(what: Load, results: Map<string, Measured[]>): string {
  const base = results.get(baseline) as Measured[];
  const unit = what.kind === "stream" ? "messages" : "calls";
  const rows = [...results].map(([name, measured]) => {
    const value = (pick: (one: Measured) => number) => median(measured.map(pick));
    // Round by round, since what else the machine does changes from one to the next.
    const ratio = (pick: (one: Measured) => number) =>
      name === baseline ? "" : ` (${times(median(measured.map((one, at) => pick(one) / pick(base[at] as Measured))))})`;
    const cell = (pick: (one: Measured) => number) => `${figure(value(pick))}${ratio(pick)}`;
    return [
      name,
      ...(what.kind === "paced" ? [] : [cell(perSecond)]),
      cell(perClientCpu),
      cell(perServerCpu),
      ...(what.kind === "stream" ? [] : [cell(({ p50 }) => p50), cell(({ p99 }) => p99)]),
    ];
  });
  return markdownTable(
    [
      "",
      ...(what.kind === "paced" ? [] : [`${unit}/s`]),
      `${unit} per CPU second, client`,
      "server",
      ...(what.kind === "stream" ? [] : ["p50, µs", "p99, µs"]),
    ],
    rows,
  );
}

const perSecond = ({ count, ms: took }: Measured) => (count * 1_000) / took;
const perClientCpu = ({ count, cpuMs }: Measured) => (count * 1_000) / cpuMs;
const perServerCpu = ({ count, serverCpuMs }: Measured) => (count * 1_000) / serverCpuMs;

function figure(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : 1)} ×`;
}
