import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import { createFileRegistry, fromBinary, type DescFile, type DescMethod } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { FlowError } from "../core/errors.ts";
import { descriptorsOf } from "./compile.ts";
import { implementationPath, servicePath } from "./names.ts";
import { consulName, webapiOf, type MethodWebapi } from "./plugin/method-options.ts";
import type { CodegenScope } from "./scope.ts";

/** One method of the team's proto services, and where everything about it lies. */
export interface IndexedMethod {
  /** `/common.Product/Get` */
  path: string;
  kind: DescMethod["methodKind"];
  /** Name in flow.yaml and in Consul. */
  service: string;
  repository: string;
  /** Relative to the repository. */
  implementation: string;
  serviceClass: string;
  proto: { file: string; line: number };
  webapi: MethodWebapi | undefined;
}

/** Compiled protos: descriptors by proto path. */
export async function loadFiles(scope: CodegenScope): Promise<Map<string, DescFile>> {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(descriptorsOf(scope))));
  return new Map([...registry.files].map((file) => [file.proto.name, file]));
}

/** The methods that a scope's repositories define, in the order of repositories, files and declarations. */
export function indexMethods(scope: CodegenScope, files: ReadonlyMap<string, DescFile>): IndexedMethod[] {
  return scope.repositories.flatMap(({ name: repository, protos }) =>
    protos.files
      .map((path) => files.get(path))
      .filter((file) => file !== undefined)
      .flatMap((file) => file.services.flatMap(({ methods }) => methods))
      .map((method): IndexedMethod => {
        const { file, name, typeName } = method.parent;
        const service = consulName(file, name);
        return {
          path: `/${typeName}/${method.name}`,
          kind: method.methodKind,
          service,
          repository,
          implementation: implementationPath(service, name, method.name),
          serviceClass: servicePath(service),
          proto: { file: posix.join("proto", file.proto.name), line: lineOf(method) },
          webapi: webapiOf(method),
        };
      }),
  );
}

/** 1-based line of a method's declaration; field numbers of FileDescriptorProto.service and ServiceDescriptorProto.method lead to it. */
function lineOf(method: DescMethod): number {
  const service = method.parent;
  const path = [6, service.file.services.indexOf(service), 2, service.methods.indexOf(method)].join();
  const location = service.file.proto.sourceCodeInfo?.location.find((candidate) => candidate.path.join() === path);
  return (location?.span[0] ?? 0) + 1;
}

/**
 * Every directory becomes one import path, `rpc/<directory>`, which can carry the names of one package only.
 * @throws FlowError FLOW_PROTO_INVALID
 */
export function checkDirectories(scope: CodegenScope, files: ReadonlyMap<string, DescFile>): void {
  for (const { dir, files: paths } of scope.repositories.map(({ protos }) => protos)) {
    const packages = new Map<string, { path: string; name: string }>();
    for (const path of paths) {
      const name = files.get(path)?.proto.package ?? "";
      const first = packages.get(posix.dirname(path));
      if (first === undefined) packages.set(posix.dirname(path), { path, name });
      else if (first.name !== name) {
        throw new FlowError(
          "FLOW_PROTO_INVALID",
          `${posix.join(dir, path)}: package ${name || "(none)"} shares its directory with package ${first.name || "(none)"} of ${first.path}`,
          {
            hint: "give each package a directory of its own",
          },
        );
      }
    }
  }
}
