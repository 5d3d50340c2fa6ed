import { getOption, hasOption, type DescMethod, type DescService } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { Context } from "../../context.ts";
import { webapi } from "../../proto/flow/options_pb.ts";
import { wireMethod } from "../method-kinds.ts";
import type { WireMethod } from "../transport/transport.ts";

/** Options of `(flow.webapi)`. */
export interface WebApiOptions {
  enable: boolean;
  upload: boolean;
  public: boolean;
}

/** A method with the code that serves it. */
export interface MethodEntry {
  readonly descriptor: DescMethod;
  readonly wire: WireMethod;
  readonly webapi: WebApiOptions;
  /** `ProductService.get`: the frame of the service's own boundary. */
  readonly label: string;
  /** Requests and answers are messages; streams are async iterables. */
  invoke(ctx: Context, request: unknown): unknown;
}

export type MethodTable = ReadonlyMap<string, MethodEntry>;

/** Methods of an implementation: an object or instance with a function per method. */
export function entriesOf(service: DescService, implementation: object): MethodEntry[] {
  return service.methods.map((descriptor) => {
    const handler: unknown = (implementation as Record<string, unknown>)[descriptor.localName];
    if (typeof handler !== "function") {
      throw new TypeError(
        `${nameOf(implementation)} has no method ${descriptor.localName} for ${service.typeName}/${descriptor.name}`,
      );
    }
    const option = hasOption(descriptor, webapi) ? getOption(descriptor, webapi) : undefined;
    return {
      descriptor,
      wire: wireMethod(descriptor),
      webapi: { enable: option?.enable ?? false, upload: option?.upload ?? false, public: option?.public ?? false },
      label: `${nameOf(implementation)}.${descriptor.localName}`,
      invoke: (ctx, request) => handler.call(implementation, ctx, request) as unknown,
    };
  });
}

function nameOf(implementation: object): string {
  return implementation.constructor === Object ? "handler" : implementation.constructor.name;
}

/**
 * Consul's tag of an enabled method: `flow.method=/common.Product/Get;enable;public`. `idempotent` (the method's
 * idempotency_level) tells the edge that it may repeat a call whose instance broke off.
 */
export function methodTag({
  wire,
  descriptor,
  webapi: { enable, upload, public: open },
}: MethodEntry): string | undefined {
  if (!enable) return undefined;
  const idempotent = descriptor.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
  const flags = { upload, public: open, idempotent };
  const set = Object.entries(flags).filter(([, value]) => value);
  return [`flow.method=${wire.path}`, "enable", ...set.map(([name]) => name)].join(";");
}
