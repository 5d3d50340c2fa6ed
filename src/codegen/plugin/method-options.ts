import { getOption, hasOption, type DescFile, type DescMethod } from "@bufbuild/protobuf";
import { service, webapi } from "../../runtime/proto/flow/options_pb.ts";
import { http } from "../../runtime/proto/google/api/annotations_pb.ts";
import { kebabCase } from "../names.ts";

/** How a method is offered over HTTP; only what is set. */
export interface MethodWebapi {
  enable?: true;
  upload?: true;
  public?: true;
}

/** The `(flow.webapi)` option of a method; undefined without one. */
export function webapiOf(method: DescMethod): MethodWebapi | undefined {
  if (!hasOption(method, webapi)) return undefined;
  const option = getOption(method, webapi);
  return {
    ...(option.enable ? { enable: true } : {}),
    ...(option.upload ? { upload: true } : {}),
    ...(option.public ? { public: true } : {}),
  };
}

/** Bindings of `google.api.http`, as `GET /v1/products/{id}`, the additional ones included. */
export function httpBindings(method: DescMethod): string[] {
  if (!hasOption(method, http)) return [];
  const rule = getOption(method, http);
  return [rule, ...rule.additionalBindings].flatMap(({ pattern }) => {
    if (pattern.case === undefined) return [];
    if (pattern.case === "custom") return [`${pattern.value.kind} ${pattern.value.path}`];
    return [`${pattern.case.toUpperCase()} ${pattern.value}`];
  });
}

/** Name in Consul of what implements a proto service: the file's `(flow.service)`, else the service's own in kebab case. */
export function consulName(file: DescFile, protoService: string): string {
  return (hasOption(file, service) && getOption(file, service)) || kebabCase(protoService);
}
