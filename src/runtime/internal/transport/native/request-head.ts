import type { HeaderField } from "../../../../http2/index.ts";

/** What the transport reads of a request's header list. */
export interface RequestHead {
  path: string;
  isPost: boolean;
  /** Whether its content-type is one of gRPC's. */
  isGrpc: boolean;
  encoding: string | undefined;
  timeout: string | undefined;
  /** Whether the caller takes answers in gzip. */
  acceptsGzip: boolean;
}

const path = 1;
const post = 2;
const grpcType = 3;
const encoding = 4;
const timeout = 5;
const gzipAccepted = 6;
const other = 7;

/** Reads it in one pass. What a field is, is noted in it: one that the peer has indexed is looked at once. */
export function readHead(fields: readonly HeaderField[]): RequestHead {
  const head: RequestHead = {
    path: "",
    isPost: false,
    isGrpc: false,
    encoding: undefined,
    timeout: undefined,
    acceptsGzip: false,
  };
  for (const field of fields) {
    if (field.note === 0) field.note = look(field);
    switch (field.note) {
      case path:
        head.path = field.value;
        break;
      case post:
        head.isPost = true;
        break;
      case grpcType:
        head.isGrpc = true;
        break;
      case encoding:
        head.encoding = field.value;
        break;
      case timeout:
        head.timeout = field.value;
        break;
      case gzipAccepted:
        head.acceptsGzip = true;
        break;
      default:
    }
  }
  return head;
}

function look({ name, value }: HeaderField): number {
  switch (name) {
    case ":path":
      return path;
    case ":method":
      return value === "POST" ? post : other;
    case "content-type":
      return /^application\/grpc(?:$|[+;])/.test(value) ? grpcType : other;
    case "grpc-encoding":
      return encoding;
    case "grpc-accept-encoding":
      return value.split(",").some((name) => name.trim() === "gzip") ? gzipAccepted : other;
    case "grpc-timeout":
      return timeout;
    default:
      return other;
  }
}
