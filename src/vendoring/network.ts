import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { networkTimeoutMs } from "../core/network-timeout.ts";

const windows = 3;
/** Fewer bytes than this in one window is no progress; keep-alive and the end of a connection are no more. */
const leastBytes = 512;

/**
 * Runs work of npm's libraries, which know neither an abort signal nor a slow host. It ends with the context's signal,
 * and when a host trickles: some bytes, but hardly any, for as long as it may be silent. (npm itself ends on silence.)
 * @throws FlowError FLOW_TIMEOUT, or the signal's reason
 */
export async function watchNetwork<T>(ctx: FlowContext, work: () => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  let over = false;
  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    sockets.add(socket);
    // `tls.connect` tells of a socket before it connects it, and one that is destroyed by then connects without TLS.
    if (over) process.nextTick(() => socket.destroy());
  };
  const watch = Promise.withResolvers<never>();
  const timer = setInterval(measure, networkTimeoutMs(ctx) / windows);
  let last = 0;
  let slow = 0;
  function measure(): void {
    const total = [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    const got = total - last;
    last = total;
    slow = got > 0 && got < leastBytes ? slow + 1 : 0;
    if (slow < windows) return;
    watch.reject(
      new FlowError("FLOW_TIMEOUT", `the registry made no progress for ${networkTimeoutMs(ctx) / 1_000} s`, {
        hint: "check the network and the registry in .npmrc; FLOW_NETWORK_TIMEOUT=SECONDS waits longer",
      }),
    );
  }
  const onAbort = () => watch.reject(ctx.signal.reason as Error);
  subscribe("net.client.socket", onSocket);
  ctx.signal.addEventListener("abort", onAbort, { once: true });
  const working = (async () => {
    ctx.signal.throwIfAborted();
    return await work();
  })();
  const stop = () => {
    clearInterval(timer);
    ctx.signal.removeEventListener("abort", onAbort);
  };
  // What goes on after a failure finds every connection closed, so that nothing keeps the process alive.
  void working.catch(() => undefined).finally(() => unsubscribe("net.client.socket", onSocket));
  try {
    return await Promise.race([working, watch.promise]);
  } catch (error) {
    over = true;
    for (const socket of sockets) socket.destroy();
    throw error;
  } finally {
    stop();
  }
}
