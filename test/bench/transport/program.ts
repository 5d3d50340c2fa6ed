/**
 * One side of a peer, told what to do by lines of JSON:
 * `program.ts PEER server` says its port; `program.ts PEER client PORT` makes load and says what came of it.
 */
import { createInterface } from "node:readline";
import { load, type Load, type LoadResult } from "./load.ts";
import type { Peer } from "./peer.ts";

const peers: Record<string, () => Promise<Peer>> = {
  "grpc-js": async () => (await import("./peers/grpc-js.ts")).peer,
  "nice-grpc": async () => (await import("./peers/nice-grpc.ts")).peer,
  connect: async () => (await import("./peers/connect.ts")).peer,
  native: async () => (await import("./peers/native.ts")).peer,
  "native-shared": async () => (await import("./peers/native.ts")).sharedPort,
  runtime: async () => (await import("./peers/runtime.ts")).peer,
};

/** What a side answers: CPU time used so far, and what the load was. */
export interface Answer {
  cpuMs: number;
  load?: LoadResult;
}

const [name = "", role, port] = process.argv.slice(2);
const peer = await (peers[name] as (typeof peers)[string])();
const client = role === "client" ? peer.connect(Number(port)) : undefined;
console.log(role === "server" ? await peer.serve() : 0);

for await (const line of createInterface({ input: process.stdin })) {
  const answer: Answer = { cpuMs: 0 };
  if (client !== undefined) answer.load = await load(client, JSON.parse(line) as Load);
  const { user, system } = process.cpuUsage();
  answer.cpuMs = (user + system) / 1_000;
  console.log(JSON.stringify(answer));
}
process.exit(0);
