import { existsSync } from "node:fs";
import { join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { listMethods } from "./generate.ts";
import { findMethod } from "./method-name.ts";
import type { CodegenTarget } from "./scope.ts";
import type { CodegenTools } from "./tools.ts";

/** Where everything about an RPC lies. Paths are absolute. */
export interface MethodPlace {
  /** `/common.Product/Get` */
  method: string;
  /** Name in flow.yaml and Consul. */
  service: string;
  repository: string;
  implementation: { file: string; exists: boolean };
  serviceClass: { file: string; exists: boolean };
  proto: { file: string; line: number };
}

/**
 * *Interface path = code path*, looked up.
 * @param name as {@link findMethod} takes it
 * @throws FlowError FLOW_METHOD_UNKNOWN with the nearest name, FLOW_PROTO_INVALID
 */
export async function locateMethod(
  ctx: FlowContext,
  target: CodegenTarget,
  { name, tools }: { name: string; tools?: CodegenTools | undefined },
): Promise<MethodPlace> {
  const { scope, methods } = await listMethods(ctx, target, tools);
  const method = findMethod(methods, name);
  const dir = scope.repositories.find((repository) => repository.name === method.repository)?.dir ?? "";
  const place = (path: string) => ({ file: join(dir, path), exists: existsSync(join(dir, path)) });
  return {
    method: method.path,
    service: method.service,
    repository: method.repository,
    implementation: place(method.implementation),
    serviceClass: place(method.serviceClass),
    proto: { file: join(dir, method.proto.file), line: method.proto.line },
  };
}
