import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { splitAddress } from "./address.ts";
import { connectionProblem } from "./problem.ts";
import type { ProbeResult, Schedule, Tls } from "./probe.ts";

const path = "/grpc.health.v1.Health/Check";
const statusNames = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;
const serving = 1;

/** Names of https://github.com/grpc/grpc/blob/master/doc/statuscodes.md as Go writes them. */
const codeNames = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];

/**
 * Asks the standard health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md). Its two messages
 * have one field each, so they are written and read here by hand.
 */
export function probeGrpc(probe: { address: string; service: string } & Tls & Schedule): Promise<ProbeResult> {
  const target = probe.service === "" ? probe.address : `${probe.address}/${probe.service}`;
  if (splitAddress(probe.address) === undefined) {
    const output = `rpc error: code = Unavailable desc = dial tcp: address ${probe.address}: missing port in address`;
    return Promise.resolve({ status: "critical", output });
  }
  return new Promise((resolve) => {
    let session: ClientHttp2Session | undefined;
    const finish = (result: ProbeResult) => {
      clearTimeout(timer);
      resolve(result);
      session?.destroy();
    };
    const fail = (output: string) => finish({ status: "critical", output });
    const timer = setTimeout(fail, probe.timeoutMs, `gRPC check ${target}: no answer within ${probe.timeoutMs} ms`);
    try {
      session = connect(`${probe.tls ? "https" : "http"}://${probe.address}`, {
        rejectUnauthorized: !probe.skipVerify,
        ...(probe.serverName === "" ? {} : { servername: probe.serverName }),
      });
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
      return;
    }
    const broken = (error: Error) => fail(`rpc error: code = Unavailable desc = ${connectionProblem(error)}`);
    session.on("error", broken);
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
      [constants.HTTP2_HEADER_TE]: "trailers",
      "user-agent": "Consul Health Check",
    });
    const chunks: Buffer[] = [];
    let headers: IncomingHttpHeaders = {};
    const learn = (more: IncomingHttpHeaders) => {
      headers = { ...headers, ...more };
    };
    stream.on("error", broken);
    stream.on("response", learn);
    stream.on("trailers", learn);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.once("end", () => finish(conclude(target, headers, Buffer.concat(chunks))));
    stream.end(frame(healthRequest(probe.service)));
  });
}

function conclude(target: string, headers: IncomingHttpHeaders, body: Buffer): ProbeResult {
  const grpcStatus = headers["grpc-status"];
  if (grpcStatus !== "0") {
    const message = typeof headers["grpc-message"] === "string" ? decodeMessage(headers["grpc-message"]) : "";
    const desc =
      typeof grpcStatus === "string" ? message : `no gRPC server: HTTP status code ${String(headers[":status"])}`;
    return {
      status: "critical",
      output: `rpc error: code = ${codeNames[Number(grpcStatus)] ?? "Unknown"} desc = ${desc}`,
    };
  }
  const status = healthStatus(body);
  if (status === serving) return { status: "passing", output: `gRPC check ${target}: success` };
  return { status: "critical", output: `gRPC ${target} serving status: ${statusNames[status] ?? status}` };
}

/** HealthCheckRequest { string service = 1 } */
function healthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  if (name.length === 0) return name;
  const length: number[] = [];
  for (let rest = name.length; ; rest >>>= 7) {
    length.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) break;
  }
  return Buffer.concat([Buffer.from([0x0a, ...length]), name]);
}

/** HealthCheckResponse { ServingStatus status = 1 }, behind the five bytes of its frame. */
function healthStatus(body: Buffer): number {
  return body.length >= 7 && body[5] === 0x08 ? (body[6] ?? 0) : 0;
}

function frame(message: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
