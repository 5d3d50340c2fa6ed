/** A gRPC server on native in a process of its own, so that what attacks cost it can be measured. */
import type { AddressInfo } from "node:net";
import type { Limits } from "../../src/http2/index.ts";
import { sharePort } from "../../src/runtime/internal/server/shared-port.ts";
import { selectTransport, type ServerCall, type WireMethod } from "../../src/runtime/internal/transport/index.ts";
import { largeBytes, paths } from "./attacks.ts";

export type Order = { listen: Partial<Limits> } | { measure: true } | { measured: true };

export interface Cost {
  /** Most that the process grew by. */
  mib: number;
  cpuMs: number;
}

const collect = (globalThis as { gc?: () => void }).gc as () => void;
const say = (message: unknown) => void process.send?.(message);

const methods: WireMethod[] = [
  { path: paths.echo, kind: "unary" },
  { path: paths.large, kind: "unary" },
  { path: paths.hang, kind: "bidi_streaming" },
];

async function answer(call: ServerCall): Promise<void> {
  if (call.method === paths.hang) {
    if (!call.signal.aborted) await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
  } else if (call.method === paths.large) await call.write(new Uint8Array(largeBytes));
  else await call.write(call.request ?? new Uint8Array(0));
  call.finish({ code: 0, message: "" }, []);
}

let rss = 0;
let most = 0;
let cpu = process.cpuUsage();
setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 5);

process.on("message", (order: Order) => {
  if ("listen" in order) {
    // gRPC's rule for pings, which would act first, has a test of its own.
    const options = { methods, limits: order.listen, minPingIntervalMs: 0 };
    const listener = selectTransport("native").listen(options, (call) => void answer(call));
    const port = sharePort({ http2: (socket) => listener.accept(socket), http1: (socket) => void socket.destroy() });
    port.listen(0, "127.0.0.1", () => say((port.address() as AddressInfo).port));
  } else if ("measure" in order) {
    collect();
    rss = most = process.memoryUsage.rss();
    cpu = process.cpuUsage();
    say(0);
  } else {
    const { user, system } = process.cpuUsage(cpu);
    say({ mib: (most - rss) / 2 ** 20, cpuMs: (user + system) / 1_000 } satisfies Cost);
  }
});
process.on("disconnect", () => process.exit());
