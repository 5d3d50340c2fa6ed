{{header}}
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, RpcError, type Context } from "goflow/runtime";
{{typeImports}}

export {{signature}} {
  throw ctx.trace(new RpcError(Code.Unimplemented, "{{path}} is not written yet"));
}
