import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";
import type { Socket } from "node:net";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { networkTimeoutMs } from "../core/network-timeout.ts";

const windows = 3;
/** Fewer bytes than this in one window is no progress; keep-alive and the end of a connection are no more. */
const leastBytes = 512;

/**
 * Runs work of npm's libraries, which know neither an abort signal nor a slow host. It ends with the context's signal;
 * when a host trickles: some bytes, but hardly any, for as long as it may be silent; and when it leaves every request
 * without an answer for twice as long: npm itself gives up one package then, and asks for the next. Work of several
 * parts begins none of them once its signal is aborted.
 * @throws FlowError FLOW_TIMEOUT, FLOW_VENDOR_FETCH, or the signal's reason
 */
export async function watchNetwork<T>(ctx: FlowContext, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  const asked = new Set<ClientRequest>();
  const over = new AbortController();
  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    sockets.add(socket);
    // `tls.connect` tells of a socket before it connects it, and one that is destroyed by then connects without TLS.
    if (over.signal.aborted) process.nextTick(() => socket.destroy());
  };
  const onRequest = (message: unknown) => void asked.add((message as { request: ClientRequest }).request);
  const onAnswer = (message: unknown) => void asked.delete((message as { request: ClientRequest }).request);
  const watch = Promise.withResolvers<never>();
  const timer = setInterval(measure, networkTimeoutMs(ctx) / windows);
  let last = 0;
  let slow = 0;
  let silent = 0;
  function measure(): void {
    const total = [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    const got = total - last;
    last = total;
    slow = got > 0 && got < leastBytes ? slow + 1 : 0;
    if (got > 0) silent = 0;
    else if (asked.size > 0) silent++;
    // What npm gave up within this window was silent for this window.
    for (const request of asked) if (request.destroyed) asked.delete(request);
    if (silent >= 2 * windows) {
      watch.reject(
        new FlowError(
          "FLOW_VENDOR_FETCH",
          `the registry is out of reach: no answer for ${(2 * networkTimeoutMs(ctx)) / 1_000} s`,
          {
            hint: "check the network, the registry in .npmrc and the proxy settings; FLOW_NETWORK_TIMEOUT=SECONDS waits longer",
          },
        ),
      );
    }
    if (slow < windows) return;
    watch.reject(
      new FlowError("FLOW_TIMEOUT", `the registry made no progress for ${networkTimeoutMs(ctx) / 1_000} s`, {
        hint: "check the network and the registry in .npmrc; FLOW_NETWORK_TIMEOUT=SECONDS waits longer",
      }),
    );
  }
  const onAbort = () => watch.reject(ctx.signal.reason as Error);
  subscribe("net.client.socket", onSocket);
  subscribe("http.client.request.start", onRequest);
  subscribe("http.client.response.finish", onAnswer);
  ctx.signal.addEventListener("abort", onAbort, { once: true });
  const working = (async () => {
    ctx.signal.throwIfAborted();
    return await work(over.signal);
  })();
  const stop = () => {
    clearInterval(timer);
    ctx.signal.removeEventListener("abort", onAbort);
    unsubscribe("http.client.request.start", onRequest);
    unsubscribe("http.client.response.finish", onAnswer);
  };
  // What goes on after a failure finds every connection closed, so that nothing keeps the process alive.
  void working.catch(() => undefined).finally(() => unsubscribe("net.client.socket", onSocket));
  try {
    return await Promise.race([working, watch.promise]);
  } catch (error) {
    over.abort();
    for (const socket of sockets) socket.destroy();
    throw error;
  } finally {
    stop();
  }
}
