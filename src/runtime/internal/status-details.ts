import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack, anyUnpack, type Any } from "@bufbuild/protobuf/wkt";
import { Code } from "../code.ts";
import { appendRemoteFrames, causeMessages, framesOfError, RpcError, type UnknownDetail } from "../error.ts";
import { formatFrame, parseFrame } from "../frame.ts";
import { DebugInfoSchema, ErrorInfoSchema } from "../proto/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../proto/google/rpc/status_pb.ts";
import type { Headers, Status } from "./transport/transport.ts";

/** Header that carries google.rpc.Status, as every gRPC library knows it. */
export const detailsHeader = "grpc-status-details-bin";

/**
 * All trailers of an error stay within 7,680 bytes, what every peer takes: the encoded google.rpc.Status, to which
 * base64 adds a third, and `grpc-message`, which percent-encoding may triple.
 */
const mostBytes = 4_400;
const mostStatusMessageBytes = 480;
const mostMessageBytes = 1_024;
const mostFields = 32;
const mostFieldBytes = 256;
const domain = "flow";
const truncated = "… (shortened)";
const causeSeparator = "\n";

/** A status and its trailers for an error. Never throws; what is too large is shortened: middle frames, then causes, then fields. */
export function encodeError(
  error: RpcError,
  place: { service?: string; method?: string },
): { status: Status; trailers: Headers } {
  const status = { code: error.code as number, message: shorten(error.message, mostStatusMessageBytes) };
  try {
    return { status, trailers: [[detailsHeader, encodeDetails(error, status, place)]] };
  } catch {
    return { status, trailers: [] };
  }
}

function encodeDetails(error: RpcError, status: Status, place: { service?: string; method?: string }): Uint8Array {
  let frames = framesOfError(error, place).map((frame) => shorten(formatFrame(frame), 512));
  let causes = causeMessages(error).map((message) => shorten(message.replaceAll("\n", " "), mostFieldBytes));
  let fields = Object.entries(error.fields)
    .slice(0, mostFields)
    .map(([name, value]) => [shorten(name, 64), shorten(value, mostFieldBytes)] as const);
  let details: readonly UnknownDetail[] = error.details;
  for (;;) {
    const bytes = pack({ error, status, frames, causes, fields, details });
    if (bytes.length <= mostBytes) return bytes;
    if (frames.length > 3) frames = dropMiddle(frames);
    else if (causes.length > 0) causes = causes.slice(0, -1);
    else if (fields.length > 0) fields = fields.slice(0, -1);
    else if (details.length > 0) details = [];
    else return pack({ error, status, frames: [], causes: [], fields: [], details: [] });
  }
}

/** Halves the frames between the first and the last, and marks the place. */
function dropMiddle(frames: readonly string[]): string[] {
  const kept = frames.filter((frame) => !frame.startsWith("- - … "));
  const half = Math.max(1, Math.floor((kept.length - 2) / 2));
  const mark = `- - … frames left out (:0)`;
  return half <= 1
    ? [kept[0] ?? "", mark, kept.at(-1) ?? ""]
    : [...kept.slice(0, Math.ceil(half / 2) + 1), mark, ...kept.slice(-Math.max(1, Math.floor(half / 2)))];
}

interface Parts {
  error: RpcError;
  status: Status;
  frames: readonly string[];
  causes: readonly string[];
  fields: readonly (readonly [string, string])[];
  details: readonly UnknownDetail[];
}

function pack({ error, status, frames, causes, fields, details }: Parts): Uint8Array {
  const info = create(ErrorInfoSchema, {
    reason: error.reason ?? "",
    domain,
    metadata: { ...Object.fromEntries(fields), "flow.id": error.id },
  });
  const debug = create(DebugInfoSchema, { stackEntries: [...frames], detail: causes.join(causeSeparator) });
  return toBinary(
    StatusSchema,
    create(StatusSchema, {
      code: status.code,
      // `grpc-message` is shorter: a reader of the details sees more.
      message: shorten(error.message, mostMessageBytes),
      details: [
        anyPack(ErrorInfoSchema, info),
        anyPack(DebugInfoSchema, debug),
        ...details.map(({ typeUrl, value }) => ({ $typeName: "google.protobuf.Any", typeUrl, value }) as Any),
      ],
    }),
  );
}

/** Cuts a text to `most` bytes of UTF-8 at a character, and marks it. */
function shorten(text: string, most: number): string {
  const bytes = Buffer.from(text.toWellFormed());
  if (bytes.length <= most) return bytes.toString();
  const room = most - Buffer.byteLength(truncated);
  return `${new TextDecoder().decode(bytes.subarray(0, room)).replace(/\uFFFD+$/, "")}${truncated}`;
}

/** The error of a failed call: its frames are the callee's. Unreadable details are left out. */
export function decodeError(status: Status, trailers: Headers): RpcError {
  const value = trailers.find(([name]) => name === detailsHeader)?.[1];
  const code = status.code >= 1 && status.code <= 16 ? (status.code as Code) : Code.Unknown;
  if (!(value instanceof Uint8Array)) return new RpcError(code, status.message);
  try {
    return unpack(code, status.message, value);
  } catch {
    return new RpcError(code, status.message);
  }
}

function unpack(code: Code, message: string, value: Uint8Array): RpcError {
  const status = fromBinary(StatusSchema, value);
  const details: UnknownDetail[] = [];
  let info: { reason: string; metadata: Record<string, string> } | undefined;
  let debug: { stackEntries: string[]; detail: string } | undefined;
  for (const any of status.details) {
    const errorInfo = info === undefined ? anyUnpack(any, ErrorInfoSchema) : undefined;
    const debugInfo = debug === undefined ? anyUnpack(any, DebugInfoSchema) : undefined;
    if (errorInfo !== undefined) info = errorInfo;
    else if (debugInfo !== undefined) debug = debugInfo;
    else details.push({ typeUrl: any.typeUrl, value: any.value });
  }
  const { "flow.id": id, ...fields } = info?.metadata ?? {};
  const error = new RpcError(code, status.message === "" ? message : status.message, {
    ...(info === undefined || info.reason === "" ? {} : { reason: info.reason }),
    ...(id === undefined ? {} : { id }),
    fields,
    details,
    remoteCauses: debug === undefined || debug.detail === "" ? [] : debug.detail.split(causeSeparator),
  });
  appendRemoteFrames(error, (debug?.stackEntries ?? []).map(parseFrame));
  return error;
}
