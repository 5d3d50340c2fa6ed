import type { HeaderField } from "../../../../http2/index.ts";
import { FieldKind, kindOf } from "./field-kind.ts";

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
    switch (kindOf(field)) {
      case FieldKind.Path:
        head.path = field.value;
        break;
      case FieldKind.Post:
        head.isPost = true;
        break;
      case FieldKind.GrpcType:
        head.isGrpc = true;
        break;
      case FieldKind.Encoding:
        head.encoding = field.value;
        break;
      case FieldKind.Timeout:
        head.timeout = field.value;
        break;
      case FieldKind.AcceptsGzip:
        head.acceptsGzip = true;
        break;
      default:
    }
  }
  return head;
}
