import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DescFile, DescService } from "@bufbuild/protobuf";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { writeAtomic } from "../../core/files.ts";
import { nearest } from "../../core/suggest.ts";
import { compile } from "../build.ts";
import { loadFiles } from "../method-index.ts";
import { parseMethodName } from "../method-name.ts";
import { camelCase, implementationPath, servicePath } from "../names.ts";
import { consulName } from "../plugin/method-options.ts";
import { loadScope, type CodegenRepository, type CodegenScope, type CodegenTarget } from "../scope.ts";
import { resolveTools, type CodegenTools } from "../tools.ts";
import { layOutMethod, layOutService, refuseReserved, type SkeletonResult } from "./implementation.ts";
import { mergeResults } from "./new-service.ts";
import { addRpc } from "./proto-file.ts";
import { addServiceMethod } from "./service-class.ts";

/**
 * Lays out one RPC: its declaration unless the proto has it already, its folder, its method in the service class.
 * Generates nothing: the caller goes on with `generate`.
 * With `dryRun` it tells what would be created and changed, and writes nothing.
 * @param name `/common.Product/Rename`, `common.Product/Rename`, `Product.Rename` or `product.Rename`
 * @throws FlowError FLOW_METHOD_UNKNOWN for a service that no proto defines, FLOW_SCAFFOLD_REFUSED, FLOW_USAGE, FLOW_PROTO_INVALID
 */
export async function newRpc(
  ctx: FlowContext,
  target: CodegenTarget,
  { name, tools: given, dryRun = false }: { name: string; tools?: CodegenTools | undefined; dryRun?: boolean },
): Promise<SkeletonResult> {
  const wanted = parseMethodName(name);
  if (!/^[A-Z][A-Za-z0-9]*$/.test(wanted.method)) {
    throw new FlowError("FLOW_USAGE", `"${wanted.method}" cannot be an RPC's name`, {
      hint: "a capital letter, then letters and digits: Rename",
    });
  }
  refuseReserved(wanted.method);
  const scope = await loadScope(ctx, target);
  const tools = given ?? resolveTools(ctx, scope);
  await compile(ctx, { scope, tools });
  const files = await loadFiles(scope);
  const { repository, service } = findService(scope, files, wanted.service);
  if (dryRun) return await planned(repository, service, wanted.method);
  const declared = await declareRpc(repository, { service, name: wanted.method, files });

  if (declared.length > 0) await compile(ctx, { scope, tools });
  const fresh = (await loadFiles(scope))
    .get(service.file.proto.name)
    ?.services.find(({ name }) => name === service.name);
  const method = fresh?.methods.find((candidate) => candidate.name === wanted.method);
  if (fresh === undefined || method === undefined) throw new Error(`${name} is not in ${service.file.proto.name}`);
  const laidOut = await layOutService(ctx, repository, {
    service: fresh,
    description: `${consulName(fresh.file, fresh.name)} service`,
  });
  const implemented = await layOutMethod(ctx, { scope, repository, method });
  return mergeResults([{ created: [], changed: declared, manual: [] }, laidOut, implemented]);
}

/** What {@link newRpc} would do. */
async function planned(
  { dir, file, protos, definition }: CodegenRepository,
  service: DescService,
  name: string,
): Promise<SkeletonResult> {
  const consul = consulName(service.file, service.name);
  const classFile = join(dir, servicePath(consul));
  const code = join(dir, implementationPath(consul, service.name, name));
  const declared = service.methods.find((method) => method.name === name);
  const text = existsSync(classFile) ? await readFile(classFile, "utf8") : undefined;
  const method = { protoService: service.name, name: declared?.localName ?? camelCase(name), lines: [], imports: [] };
  const after = text === undefined ? undefined : addServiceMethod(text, method);
  return {
    created: [classFile, code].filter((path) => !existsSync(path)),
    changed: [
      ...(declared === undefined ? [join(protos.dir, service.file.proto.name)] : []),
      ...(after !== undefined && after !== text ? [classFile] : []),
      ...(definition.services?.[consul] === undefined ? [file] : []),
    ],
    manual: text !== undefined && after === undefined ? [{ file: classFile, add: `the method ${method.name}` }] : [],
  };
}

function findService(
  scope: CodegenScope,
  files: ReadonlyMap<string, DescFile>,
  wanted: string,
): { repository: CodegenRepository; service: DescService } {
  const all = scope.repositories.flatMap((repository) =>
    repository.protos.files.flatMap((path) =>
      (files.get(path)?.services ?? []).map((service) => ({ repository, service })),
    ),
  );
  const matching = all.filter(
    ({ service }) =>
      service.typeName === wanted || service.name === wanted || consulName(service.file, service.name) === wanted,
  );
  const [found, ...others] = matching;
  if (found !== undefined && others.length === 0) return found;
  if (found !== undefined) {
    throw new FlowError(
      "FLOW_USAGE",
      `"${wanted}" could be ${matching.map(({ service }) => service.typeName).join(" or ")}`,
      {
        hint: "give the whole name, e.g. /common.Product/Rename",
      },
    );
  }
  const names = all.map(({ service }) => service.typeName);
  const suggestion = nearest(wanted, names);
  throw new FlowError("FLOW_METHOD_UNKNOWN", `no proto defines the service ${wanted}`, {
    hint:
      suggestion === undefined
        ? `services are: ${names.join(", ") || "none yet; flow new service makes one"}`
        : `did you mean ${suggestion}?`,
  });
}

/** Writes the RPC into the proto, unless it is there. @returns the files it changed */
async function declareRpc(
  { protos }: CodegenRepository,
  { service, name, files }: { service: DescService; name: string; files: ReadonlyMap<string, DescFile> },
): Promise<string[]> {
  if (service.methods.some((method) => method.name === name)) return [];
  const path = join(protos.dir, service.file.proto.name);
  const request = `${service.name}${name}`;
  const response = `${request}Resp`;
  const samePackage = [...files.values()].filter(({ proto }) => proto.package === service.file.proto.package);
  const known = new Set(samePackage.flatMap(({ messages }) => messages.map((message) => message.name)));
  const newMessages = [request, response].filter((message) => !known.has(message));
  const text = await readFile(path, "utf8");
  await writeAtomic(path, addRpc(text, endOf(service), { name, request, response, newMessages }));
  return [path];
}

/** Position of a service's end; field number 6 of FileDescriptorProto holds the services. */
function endOf(service: DescService): { line: number; column: number } {
  const path = [6, service.file.services.indexOf(service)].join();
  const span =
    service.file.proto.sourceCodeInfo?.location.find((location) => location.path.join() === path)?.span ?? [];
  const [startLine = 0, , third = 0, fourth] = span;
  return fourth === undefined ? { line: startLine, column: third } : { line: third, column: fourth };
}
