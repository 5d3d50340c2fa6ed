/**
 * `goflow/runtime/reflection`: calls by name, without generated code. What a server offers and what its messages look
 * like is asked of the server itself (grpc.reflection), any gRPC server in any language.
 */
import {
  fromBinary,
  fromJson,
  getOption,
  hasOption,
  toBinary,
  toJson,
  type DescMethod,
  type JsonValue,
  type Registry,
} from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, codeName } from "./code.ts";
import { causeMessages, framesOfError, RpcError } from "./error.ts";
import type { Frame } from "./frame.ts";
import { parseEndpoint } from "./internal/client/discovery.ts";
import { environmentTls } from "./internal/client/environment-tls.ts";
import { wireMethod } from "./internal/method-kinds.ts";
import { reflect } from "./internal/reflection/client.ts";
import { decodeError } from "./internal/status-details.ts";
import { selectTransport, type CallKind, type ClientCall, type Connection } from "./internal/transport/index.ts";
import { webapi } from "./proto/flow/options_pb.ts";

export type { CallKind } from "./internal/transport/index.ts";
export type { Frame } from "./frame.ts";

export interface MethodDescription {
  /** `/common.Product/Get` */
  path: string;
  kind: CallKind;
  /** Full names of its messages. */
  input: string;
  output: string;
  /** Options of `(flow.webapi)`, and whether the method's idempotency_level allows repeating it. */
  enable: boolean;
  public: boolean;
  upload: boolean;
  idempotent: boolean;
}

export interface ServiceDescription {
  /** `common.Product` */
  name: string;
  methods: MethodDescription[];
}

export interface ReflectOptions {
  /** Ms, default 5,000. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

const defaultReflectMs = 5_000;
const defaultCallMs = 30_000;

/** Without TLS, or as FLOW_TLS_CA asks. */
function connectTo(address: string): Connection {
  const tls = environmentTls();
  return selectTransport().connect(parseEndpoint(address), {
    userAgent: "flow",
    ...(tls === undefined ? {} : { tls }),
  });
}

/**
 * The proto services of the server at `address` (host:port).
 * @throws RpcError UNAVAILABLE, DEADLINE_EXCEEDED, or UNIMPLEMENTED when it has no reflection
 */
export async function reflectServices(address: string, options: ReflectOptions = {}): Promise<ServiceDescription[]> {
  const connection = connectTo(address);
  try {
    const deadline = Date.now() + (options.timeoutMs ?? defaultReflectMs);
    const { services, registry } = await reflect(connection, { deadline, ...signalOf(options) });
    return services.map((name) => ({
      name,
      methods: (registry.getService(name)?.methods ?? []).map(describeMethod),
    }));
  } finally {
    connection.close();
  }
}

function describeMethod(method: DescMethod): MethodDescription {
  const option = hasOption(method, webapi) ? getOption(method, webapi) : undefined;
  return {
    ...wireMethod(method),
    input: method.input.typeName,
    output: method.output.typeName,
    enable: option?.enable ?? false,
    public: option?.public ?? false,
    upload: option?.upload ?? false,
    idempotent: method.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN,
  };
}

export interface CallMethodOptions {
  /** host:port of the server. */
  address: string;
  /** `/common.Product/Get` */
  method: string;
  /** The request in ProtoJSON; several, or none, for a method that takes a stream. Default: an empty message. */
  requests?: Iterable<JsonValue> | AsyncIterable<JsonValue>;
  /** Ms for the whole call, default 30,000. */
  timeoutMs?: number;
  /** Request metadata. */
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

export interface CallResult {
  kind: CallKind;
  /** Answers in ProtoJSON as they come: one, or a stream. Throws RpcError when the call fails. */
  responses: AsyncIterable<JsonValue>;
}

/**
 * Calls a method by its path.
 * @throws RpcError NOT_FOUND when the server has no such method, INVALID_ARGUMENT when a request does not fit it
 * (both before the call begins), and whatever the call ends with
 */
export async function callMethod(options: CallMethodOptions): Promise<CallResult> {
  const { address, method: path } = options;
  const [, service = "", name = ""] = /^\/([\w.]+)\/(\w+)$/.exec(path) ?? [];
  if (name === "") throw new RpcError(Code.InvalidArgument, `${path} is no method: write /package.Service/Method`);
  const deadline = Date.now() + (options.timeoutMs ?? defaultCallMs);
  const connection = connectTo(address);
  try {
    const { registry } = await reflect(connection, { deadline, ...signalOf(options) }, [service]);
    const method = registry.getService(service)?.methods.find((candidate) => candidate.name === name);
    if (method === undefined)
      throw new RpcError(Code.NotFound, `${service} has no method ${name}`, { reason: "NO_METHOD" });
    return { kind: method.methodKind, responses: invoke({ connection, method, registry, deadline, options }) };
  } catch (error) {
    connection.close();
    throw error;
  }
}

interface Invocation {
  connection: Connection;
  method: DescMethod;
  registry: Registry;
  deadline: number;
  options: CallMethodOptions;
}

async function* invoke({ connection, method, registry, deadline, options }: Invocation): AsyncGenerator<JsonValue> {
  const requests = encodeAll(method, registry, options.requests ?? [{}]);
  const headers = Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  let call: ClientCall | undefined;
  const state = { ended: false };
  try {
    // A request that does not fit is found before the server hears of the call.
    const first = await requests.next();
    const opened = connection.call(wireMethod(method), headers, { deadline, ...signalOf(options) });
    call = opened;
    void opened.outcome.then(() => (state.ended = true));
    let sendError: unknown;
    const sending = (async () => {
      for (let next = first; next.done !== true && !state.ended; next = await requests.next())
        await opened.write(next.value);
      opened.end();
    })().catch((error: unknown) => {
      sendError = error;
      opened.cancel();
    });
    for await (const bytes of opened.messages) {
      yield toJson(method.output, fromBinary(method.output, bytes), { registry, alwaysEmitImplicit: true });
    }
    const outcome = await opened.outcome;
    if (sendError !== undefined) throw sendError;
    if (outcome.code !== Code.Ok) throw decodeError(outcome, outcome.trailers);
    await sending;
  } finally {
    if (!state.ended) call?.cancel();
    connection.close();
  }
}

async function* encodeAll(
  method: DescMethod,
  registry: Registry,
  requests: Iterable<JsonValue> | AsyncIterable<JsonValue>,
): AsyncGenerator<Uint8Array> {
  const single = method.methodKind === "unary" || method.methodKind === "server_streaming";
  let count = 0;
  for await (const json of requests) {
    if (single && count++ > 0) {
      const message = `${method.parent.typeName}/${method.name} takes one request`;
      throw new RpcError(Code.InvalidArgument, message, { reason: "TOO_MANY_REQUESTS" });
    }
    yield toBinary(method.input, parseRequest(method, json, registry));
  }
  if (single && count === 0) yield toBinary(method.input, parseRequest(method, {}, registry));
}

function parseRequest(method: DescMethod, json: JsonValue, registry: Registry) {
  try {
    return fromJson(method.input, json, { registry });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new RpcError(Code.InvalidArgument, `the request is no ${method.input.typeName}: ${why}`, {
      reason: "BAD_JSON",
    });
  }
}

function signalOf({ signal }: { signal?: AbortSignal }): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

/** A failed call for printing: everything that an RpcError carries, its stack across processes included. */
export interface CallFailure {
  code: Code;
  /** `NOT_FOUND` */
  status: string;
  message: string;
  reason: string | undefined;
  fields: Readonly<Record<string, string>>;
  /** Messages of its causes, nearest first. */
  causes: string[];
  /** Outermost first. */
  frames: Frame[];
  /** Finds the error in the logs of every process. */
  id: string;
}

/** What is known of a failed call, wherever it failed. */
export function describeFailure(error: RpcError): CallFailure {
  const { code, message, reason, fields, id } = error;
  return {
    code,
    status: codeName(code),
    message,
    reason,
    fields,
    causes: causeMessages(error),
    frames: framesOfError(error),
    id,
  };
}

export { RpcError } from "./error.ts";
