import type { Context } from "../../context.ts";
import { Code } from "../../code.ts";
import { RpcError } from "../../error.ts";
import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
  type HealthCheckRequest,
} from "../../proto/grpc/health/v1/health_pb.ts";
import { entriesOf, type MethodEntry } from "./table.ts";

/** grpc.health.v1 for the whole server (`""`) and for each of its services. */
export class HealthService {
  #serving = false;
  readonly #known: ReadonlySet<string>;
  readonly #watchers = new Set<() => void>();

  constructor(services: readonly string[]) {
    this.#known = new Set(["", ...services]);
  }

  setServing(serving: boolean): void {
    this.#serving = serving;
    for (const wake of this.#watchers) wake();
  }

  get entries(): MethodEntry[] {
    return entriesOf(Health, this);
  }

  check(_ctx: Context, request: HealthCheckRequest): { status: Serving } {
    if (!this.#known.has(request.service))
      throw new RpcError(Code.NotFound, `there is no service ${request.service} here`);
    return { status: this.#status() };
  }

  async *watch(ctx: Context, request: HealthCheckRequest): AsyncIterable<{ status: Serving }> {
    let wake = (): void => {};
    const listener = (): void => wake();
    this.#watchers.add(listener);
    ctx.signal.addEventListener("abort", listener, { once: true });
    try {
      for (let last: Serving | undefined; !ctx.signal.aborted;) {
        const changed = new Promise<void>((resolve) => (wake = resolve));
        const status = this.#known.has(request.service) ? this.#status() : Serving.SERVICE_UNKNOWN;
        if (status !== last) yield { status };
        last = status;
        await changed;
      }
    } finally {
      this.#watchers.delete(listener);
    }
  }

  #status(): Serving {
    return this.#serving ? Serving.SERVING : Serving.NOT_SERVING;
  }
}
