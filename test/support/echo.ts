import { createAccessor, createRegistrar, type Client, type Handlers } from "../../src/runtime/codegen.ts";
import {
  Code,
  RpcError,
  serve,
  Service,
  type Context,
  type RunningServer,
  type ServeOptions,
  type Server,
} from "../../src/runtime/index.ts";
import { Echo } from "../fixtures/proto/test/echo_pb.ts";

const register = createRegistrar(Echo);
const access = createAccessor(Echo, { service: "echo" });

type EchoHandlers = Handlers<(typeof Echo)["method"]>;

/** A service with every kind of method; a test replaces what it is about. */
export class EchoService extends Service {
  readonly #overrides: Partial<EchoHandlers>;

  constructor(overrides: Partial<EchoHandlers> = {}) {
    super();
    this.#overrides = overrides;
  }

  override desc(): string {
    return "says what it hears";
  }

  override register(server: Server): void {
    register(server, { ...this.handlers(), ...this.#overrides });
  }

  handlers(): EchoHandlers {
    return {
      say: (_ctx: Context, { text, number }) => {
        if (text === "fail")
          throw new RpcError(Code.NotFound, "nothing to say", { reason: "SILENCE", fields: { text } });
        return { text, number };
      },
      private: (_ctx, { text }) => ({ text }),
      count: async function* (_ctx, { to }) {
        for (let number = 1; number <= to; number++) yield { number: BigInt(number) };
      },
      join: async (_ctx, requests) => {
        const texts: string[] = [];
        for await (const { text } of requests) texts.push(text);
        return { text: texts.join(" ") };
      },
      chat: async function* (_ctx, requests) {
        for await (const { text } of requests) yield { text: text.toUpperCase() };
      },
    };
  }
}

export type EchoClient = Client<(typeof Echo)["method"]>;

/** An echo service on a free port of loopback, without Consul. */
export async function serveEcho(
  overrides: Partial<EchoHandlers> = {},
  options: ServeOptions = {},
): Promise<RunningServer> {
  return await serve(new EchoService(overrides), {
    name: "echo",
    port: 0,
    consul: false,
    handleSignals: false,
    drainMs: 2_000,
    ...options,
  });
}

export function echoClient(...endpoints: readonly string[]): EchoClient {
  return access({ endpoints });
}
