import type { DescMethod } from "@bufbuild/protobuf";
import type { WireMethod } from "./transport/transport.ts";

/** The wire's view of a protobuf method. */
export function wireMethod(method: DescMethod): WireMethod {
  return { path: `/${method.parent.typeName}/${method.name}`, kind: method.methodKind };
}
