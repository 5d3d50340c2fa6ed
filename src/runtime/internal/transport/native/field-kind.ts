import type { HeaderField } from "../../../../http2/index.ts";

/** What a received field is to gRPC. */
export const FieldKind = {
  /** Nobody's above the transport. */
  Hidden: 1,
  Path: 2,
  Post: 3,
  GrpcType: 4,
  Encoding: 5,
  Timeout: 6,
  AcceptsGzip: 7,
  /** Metadata. */
  Text: 8,
  Binary: 9,
} as const;

/** Looks at a field once: what it is, is noted in it, and a field that the peer has indexed is one object. */
export function kindOf(field: HeaderField): number {
  return field.note === 0 ? (field.note = look(field)) : field.note;
}

/** What the transport itself reads. */
const transportNames = new Set(["te", "grpc-status", "grpc-message"]);

function look({ name, value }: HeaderField): number {
  switch (name) {
    case ":path":
      return FieldKind.Path;
    case ":method":
      return value === "POST" ? FieldKind.Post : FieldKind.Hidden;
    case "content-type":
      return /^application\/grpc(?:$|[+;])/.test(value) ? FieldKind.GrpcType : FieldKind.Hidden;
    case "grpc-encoding":
      return FieldKind.Encoding;
    case "grpc-accept-encoding":
      return value.split(",").some((one) => one.trim() === "gzip") ? FieldKind.AcceptsGzip : FieldKind.Hidden;
    case "grpc-timeout":
      return FieldKind.Timeout;
    default:
      if (name.startsWith(":") || transportNames.has(name)) return FieldKind.Hidden;
      return name.endsWith("-bin") ? FieldKind.Binary : FieldKind.Text;
  }
}
