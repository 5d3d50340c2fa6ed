import type { JsonValue } from "@bufbuild/protobuf";
import { fstatSync } from "node:fs";
import { info } from "../../../core/events.ts";
import { defineCommand, type CliContext } from "../../command.ts";

/** After this time in ms of silence on standard input a person is told what the command waits for. */
const silenceMs = 1_000;

export const command = defineCommand<unknown>({
  name: "call",
  summary: "call a method of a running service, and print its answer as JSON",
  examples: [
    {
      command: `flow call /common.Product/Get '{"id": "012345"}'`,
      explanation: "find the service that has the method, and call it by gRPC",
    },
    {
      command: `echo '{"id": "012345"}' | flow call product common.Product.Get -`,
      explanation: "name the service, take the request from standard input",
    },
    {
      command: "flow call --address 10.0.0.7:5001 common.Product/Search --timeout 2s",
      explanation: "any gRPC server with reflection, no Consul involved",
    },
  ],
  arguments: [
    {
      syntax: "<method...>",
      description: "[service] method [request]: /package.Service/Method, and the request in ProtoJSON or - for stdin",
    },
  ],
  options: [
    { flags: "-H, --header <name=value>", description: "metadata of the call; may be repeated", repeatable: true },
    { flags: "--timeout <duration>", description: "for the whole call, e.g. 500ms, 5s, 2m", default: "30s" },
    { flags: "--address <host:port>", description: "of the server, instead of finding it in Consul" },
    { flags: "--consul <host:port>", description: "Consul agent to ask, default the run's or FLOW_CONSUL_ADDR" },
  ],
  run: async (ctx, { args, options }) => {
    const { parseHeaders, parseTimeout, parseWords } = await import("./request.ts");
    const { callMethod } = await import("../../../runtime/reflection.ts");
    const { firstReachable } = await import("./locate.ts");
    const { service, method, json } = parseWords(args.method as string[]);
    const headers = parseHeaders((options.header as string[] | undefined) ?? []);
    const timeoutMs = parseTimeout(String(options.timeout));
    const requests = await requestsOf(ctx, json);
    const given = text(options.address);
    const addresses =
      given === undefined ? await locateAddresses(ctx, { service, method, consul: text(options.consul) }) : [given];
    const { kind, responses } = await telling(ctx, method, () =>
      firstReachable(addresses, (address) =>
        callMethod({
          address,
          method,
          headers,
          timeoutMs,
          signal: ctx.signal,
          ...(requests === undefined ? {} : { requests: requests as AsyncIterable<JsonValue> }),
        }),
      ),
    );
    const answers = answersOf(ctx, method, responses);
    if (kind === "server_streaming" || kind === "bidi_streaming") return answers;
    const [only] = await Array.fromAsync(answers);
    return only?.toJSON();
  },
  render: (answer) => (answer instanceof StreamedAnswer ? JSON.stringify(answer) : JSON.stringify(answer, null, 2)),
});

/** One answer of a stream: it stands on a line of its own, where a single one is laid out for reading. */
class StreamedAnswer {
  readonly #answer: JsonValue;

  constructor(answer: JsonValue) {
    this.#answer = answer;
  }

  toJSON(): JsonValue {
    return this.#answer;
  }
}

async function* answersOf(
  ctx: CliContext,
  method: string,
  responses: AsyncIterable<JsonValue>,
): AsyncGenerator<StreamedAnswer> {
  const iterator = responses[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await telling(ctx, method, () => iterator.next());
      if (next.done === true) return;
      yield new StreamedAnswer(next.value);
    }
  } finally {
    await iterator.return?.();
    // A call may end before its requests do: what is still open there would keep the process.
    ctx.streams.stdin.destroy();
  }
}

/** Does a part of a call; how the call failed is told in the command's own terms. */
async function telling<T>(ctx: CliContext, method: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    ctx.signal.throwIfAborted();
    const [{ RpcError }, { callError }] = await Promise.all([
      import("../../../runtime/reflection.ts"),
      import("./failure.ts"),
    ]);
    throw error instanceof RpcError ? callError(error, method) : error;
  }
}

interface Wanted {
  service: string | undefined;
  method: string;
  consul: string | undefined;
}

async function locateAddresses(ctx: CliContext, { service, method, consul }: Wanted): Promise<string[]> {
  const [{ findConsul }, { locate }] = await Promise.all([import("./find-consul.ts"), import("./locate.ts")]);
  return await locate(await findConsul(ctx, consul), method, service);
}

/** The requests to send; undefined for one empty message. */
async function requestsOf(ctx: CliContext, json: string | undefined): Promise<unknown> {
  const { parseRequests, readRequests } = await import("./request.ts");
  if (json !== undefined && json !== "-") return parseRequests(json);
  if (json === undefined && !isPiped()) return undefined;
  return announced(ctx, readRequests(ctx.streams.stdin as AsyncIterable<Buffer>));
}

/** Says what the command waits for when nothing comes for a while. */
async function* announced<T>(ctx: CliContext, requests: AsyncIterable<T>): AsyncGenerator<T> {
  const waiting = setTimeout(() => info(ctx, "reading the request from standard input"), silenceMs);
  try {
    for await (const request of requests) {
      clearTimeout(waiting);
      yield request;
    }
  } finally {
    clearTimeout(waiting);
  }
}

/** Whether a file or a shell's pipe was put in. Other things that are no terminal may never end. */
function isPiped(): boolean {
  try {
    const stdin = fstatSync(0);
    return stdin.isFIFO() || stdin.isFile();
  } catch {
    return false;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
