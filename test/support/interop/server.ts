import { create, fromBinary, toBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Code } from "../../../src/runtime/index.ts";
import type { ServerTlsOptions } from "../../../src/runtime/internal/server/server-tls.ts";
import { sharePort } from "../../../src/runtime/internal/server/shared-port.ts";
import {
  selectTransport,
  type Headers,
  type ServerCall,
  type WireMethod,
} from "../../../src/runtime/internal/transport/index.ts";
import { wireMethod } from "../../../src/runtime/internal/method-kinds.ts";
import * as pb from "../../fixtures/proto/test/interop_pb.ts";

const loadReports: WireMethod = {
  path: "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics",
  kind: "server_streaming",
};

/** A failure that the caller asked for. */
class Refusal extends Error {
  readonly code: number;

  constructor({ code, message }: pb.EchoStatus) {
    super(message);
    this.code = code;
  }
}

/**
 * gRPC's interoperability test service on one of our transports, below the runtime: as the tests' descriptions ask.
 */
export class InteropServer {
  readonly #id = crypto.randomUUID();
  /** What the load reports say; callers set it. */
  #load: pb.TestOrcaReport = create(pb.TestOrcaReportSchema);

  async #serve(call: ServerCall): Promise<void> {
    const echoed = (name: string) => call.headers.filter(([other]) => other === name);
    const trailers: Headers[number][] = [...echoed("x-grpc-test-echo-trailing-bin")];
    const initial = echoed("x-grpc-test-echo-initial");
    if (initial.length > 0) call.sendHeaders(initial);
    try {
      await this.#answer(call, trailers);
      call.finish({ code: Code.Ok, message: "" }, trailers);
    } catch (error) {
      const code = error instanceof Refusal ? error.code : Code.Internal;
      call.finish({ code, message: error instanceof Error ? error.message : String(error) }, trailers);
    }
  }

  async #answer(call: ServerCall, trailers: Headers[number][]): Promise<void> {
    switch (call.method.split("/").at(-1)) {
      case "EmptyCall":
        return await call.write(new Uint8Array(0));
      case "UnaryCall":
        for await (const request of all(call, pb.SimpleRequestSchema)) await this.#unary(call, request, trailers);
        return;
      case "StreamingInputCall": {
        let aggregatedPayloadSize = 0;
        for await (const { payload } of all(call, pb.StreamingInputCallRequestSchema))
          aggregatedPayloadSize += payload?.body.length ?? 0;
        return await send(call, pb.StreamingInputCallResponseSchema, { aggregatedPayloadSize });
      }
      case "StreamingOutputCall":
      case "FullDuplexCall":
        for await (const request of all(call, pb.StreamingOutputCallRequestSchema)) await this.#stream(call, request);
        return;
      case "StreamCoreMetrics":
        return await this.#report(call);
      default:
        throw new Refusal(
          create(pb.EchoStatusSchema, { code: Code.Unimplemented, message: `there is no method ${call.method}` }),
        );
    }
  }

  async #unary(call: ServerCall, request: pb.SimpleRequest, trailers: Headers[number][]): Promise<void> {
    refuseWhenAsked(request.responseStatus);
    if (request.orcaPerQueryReport !== undefined)
      trailers.push(["endpoint-load-metrics-bin", reportOf(request.orcaPerQueryReport)]);
    await send(call, pb.SimpleResponseSchema, {
      payload: create(pb.PayloadSchema, { body: new Uint8Array(request.responseSize) }),
      serverId: this.#id,
      ...(request.fillUsername ? bearerOf(call) : {}),
    });
  }

  async #stream(call: ServerCall, request: pb.StreamingOutputCallRequest): Promise<void> {
    refuseWhenAsked(request.responseStatus);
    if (request.orcaOobReport !== undefined) this.#load = request.orcaOobReport;
    for (const { size, intervalUs } of request.responseParameters) {
      if (intervalUs > 0) await delay(intervalUs / 1_000);
      const payload = create(pb.PayloadSchema, { body: new Uint8Array(size) });
      await send(call, pb.StreamingOutputCallResponseSchema, { payload });
    }
  }

  async #report(call: ServerCall): Promise<void> {
    while (!call.signal.aborted) {
      await call.write(reportOf(this.#load));
      await delay(100, undefined, { signal: call.signal }).catch(() => {});
    }
  }

  /** Listens on a free port of loopback, with TLS when there is a certificate. */
  async listen(transport: string, tls?: ServerTlsOptions): Promise<{ port: number; close(): void }> {
    const methods = [...pb.TestService.methods.map(wireMethod), loadReports];
    const listener = selectTransport(transport).listen({ methods }, (call) => void this.#serve(call));
    const handlers = {
      http2: (socket: Socket) => listener.accept(socket),
      http1: (socket: Socket) => socket.destroy(),
    };
    const port = sharePort(handlers, tls);
    await new Promise<void>((resolve) => port.listen(0, "127.0.0.1", resolve));
    return {
      port: (port.address() as AddressInfo).port,
      close: () => {
        listener.close();
        port.close();
      },
    };
  }
}

async function* all<D extends DescMessage>(call: ServerCall, schema: D): AsyncGenerator<MessageShape<D>> {
  for await (const bytes of call.messages) yield fromBinary(schema, bytes);
}

async function send<D extends DescMessage>(call: ServerCall, schema: D, message: object): Promise<void> {
  await call.write(toBinary(schema, create(schema, message as never)));
}

function refuseWhenAsked(status: pb.EchoStatus | undefined): void {
  if (status !== undefined && status.code !== 0) throw new Refusal(status);
}

function reportOf(load: pb.TestOrcaReport): Uint8Array {
  const { cpuUtilization, memoryUtilization, requestCost, utilization } = load;
  return toBinary(
    pb.OrcaLoadReportSchema,
    create(pb.OrcaLoadReportSchema, { cpuUtilization, memUtilization: memoryUtilization, requestCost, utilization }),
  );
}

/** Who a bearer token says that the caller is: its claims are taken as they are. */
function bearerOf(call: ServerCall): { username: string; oauthScope: string } {
  const [, value] = call.headers.find(([name]) => name === "authorization") ?? [];
  const part = String(value ?? "").split(".")[1] ?? "";
  const claims = JSON.parse(Buffer.from(part, "base64url").toString() || "{}") as { iss?: string; scope?: string };
  return { username: claims.iss ?? "", oauthScope: claims.scope ?? "" };
}
