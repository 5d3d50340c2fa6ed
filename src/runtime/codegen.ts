/** What generated code calls. Not meant to be used by hand; see `flow gen`. */
import type {
  DescMethod,
  DescService,
  GenService,
  GenServiceMethods,
  MessageInitShape,
  MessageShape,
} from "./internal/codegen-types.ts";
import { runWith, type Context } from "./context.ts";
import { capture } from "./frame.ts";
import { callStream, callUnary, type CallOptions } from "./internal/client/call.ts";
import { targetLookup, type TargetChoice } from "./internal/client/targets.ts";
import type { Server } from "./service.ts";

export type { CallOptions } from "./internal/client/call.ts";

export interface AccessorSettings {
  /** Name in Consul of the service that implements it. */
  service: string;
}

export interface ClientOptions extends Pick<TargetChoice, "endpoints"> {
  /** Name in Consul, default the one the proto says. */
  service?: string;
  /** Defaults of every call of this client. */
  call?: CallOptions;
}

/** A client's method by the kind of its RPC. */
export type ClientMethod<M> = M extends { methodKind: "unary"; input: infer I; output: infer O }
  ? (
      ctx: Context,
      request: MessageInitShape<I & AnyMessage>,
      options?: CallOptions,
    ) => Promise<MessageShape<O & AnyMessage>>
  : M extends { methodKind: "server_streaming"; input: infer I; output: infer O }
    ? (
        ctx: Context,
        request: MessageInitShape<I & AnyMessage>,
        options?: CallOptions,
      ) => AsyncIterable<MessageShape<O & AnyMessage>>
    : M extends { methodKind: "client_streaming"; input: infer I; output: infer O }
      ? (
          ctx: Context,
          requests: Requests<MessageInitShape<I & AnyMessage>>,
          options?: CallOptions,
        ) => Promise<MessageShape<O & AnyMessage>>
      : M extends { input: infer I; output: infer O }
        ? (
            ctx: Context,
            requests: Requests<MessageInitShape<I & AnyMessage>>,
            options?: CallOptions,
          ) => AsyncIterable<MessageShape<O & AnyMessage>>
        : never;

type AnyMessage = DescMethod["input"];
type Requests<T> = AsyncIterable<T> | Iterable<T>;

export type Client<S extends GenServiceMethods> = { readonly [K in keyof S]: ClientMethod<S[K]> };

/** `getProduct()`: a client whose connections are shared by the whole process. */
export function createAccessor<S extends GenServiceMethods>(
  service: GenService<S>,
  settings: AccessorSettings,
): (options?: ClientOptions) => Client<S> {
  let shared: Client<S> | undefined;
  return (options) =>
    options === undefined
      ? (shared ??= createClient(service, settings.service, {}))
      : createClient(service, options.service ?? settings.service, options);
}

function createClient<S extends GenServiceMethods>(
  service: GenService<S>,
  name: string,
  { endpoints, call = {} }: ClientOptions,
): Client<S> {
  const target = targetLookup(name, endpoints === undefined ? {} : { endpoints });
  const methods = (service as DescService).methods.map((method) => {
    const streamsIn = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
    const invoke = (ctx: Context, request: never, options?: CallOptions): unknown => {
      const replaced = mocks.get(service.typeName)?.[method.localName];
      if (replaced !== undefined) return replaced(ctx, request);
      const site = { ctx, target, method, options: { ...call, ...options }, place: capture(invoke) };
      if (method.methodKind === "unary") return callUnary(site, method.input, method.output, request);
      const answers = callStream(site, method.input, method.output, streamsIn ? request : [request]);
      return method.methodKind === "client_streaming" ? only(answers) : answers;
    };
    return [method.localName, invoke] as const;
  });
  return Object.fromEntries(methods) as Client<S>;
}

async function only<T>(answers: AsyncIterable<T>): Promise<T> {
  let last: T | undefined;
  for await (const answer of answers) last = answer;
  return last as T;
}

/** A service's methods as its implementation has them: answers may be given as plain objects. */
export type Handlers<S extends GenServiceMethods> = {
  [K in keyof S]: S[K] extends { methodKind: "unary"; input: infer I; output: infer O }
    ? (
        ctx: Context,
        request: MessageShape<I & AnyMessage>,
      ) => Promise<MessageInitShape<O & AnyMessage>> | MessageInitShape<O & AnyMessage>
    : S[K] extends { methodKind: "server_streaming"; input: infer I; output: infer O }
      ? (ctx: Context, request: MessageShape<I & AnyMessage>) => AsyncIterable<MessageInitShape<O & AnyMessage>>
      : S[K] extends { methodKind: "client_streaming"; input: infer I; output: infer O }
        ? (
            ctx: Context,
            requests: AsyncIterable<MessageShape<I & AnyMessage>>,
          ) => Promise<MessageInitShape<O & AnyMessage>>
        : S[K] extends { input: infer I; output: infer O }
          ? (
              ctx: Context,
              requests: AsyncIterable<MessageShape<I & AnyMessage>>,
            ) => AsyncIterable<MessageInitShape<O & AnyMessage>>
          : never;
};

/** `registerProduct(server, implementation)` */
export function createRegistrar<S extends GenServiceMethods>(
  service: GenService<S>,
): (server: Server, implementation: Handlers<S>) => void {
  return (server, implementation) => server.add(service as DescService, implementation);
}

type MockHandlers = Record<string, (ctx: Context, request: unknown) => unknown>;
const mocks = new Map<string, MockHandlers>();

/**
 * `mockProduct(handlers)`: until it is taken back, this process's clients of the service call `handlers` instead.
 * Methods that are not given fail with the name of what is missing.
 */
export function createMock<S extends GenServiceMethods>(
  service: GenService<S>,
): (handlers: Partial<Handlers<S>>) => Disposable & { restore(): void } {
  return (handlers) => {
    const complete = Object.fromEntries(
      (service as DescService).methods.map(({ localName }) => {
        const handler = (handlers as Partial<MockHandlers>)[localName];
        const missing = () => {
          throw new Error(`the mock of ${service.typeName} has no ${localName}`);
        };
        return [
          localName,
          (ctx: Context, request: unknown) => runWith(ctx, async () => await (handler ?? missing)(ctx, request)),
        ];
      }),
    );
    const before = mocks.get(service.typeName);
    mocks.set(service.typeName, complete);
    const restore = () => {
      if (before === undefined) mocks.delete(service.typeName);
      else mocks.set(service.typeName, before);
    };
    return { restore, [Symbol.dispose]: restore };
  };
}
