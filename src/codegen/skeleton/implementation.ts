import { readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import type { DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { writeAtomic, writeNew } from "../../core/files.ts";
import { implementationHeader } from "../implementations.ts";
import { camelCase, implementationPath, methodFolder, servicePath } from "../names.ts";
import { consulName } from "../plugin/method-options.ts";
import { readTemplate } from "../../core/templates.ts";
import type { CodegenRepository, CodegenScope } from "../scope.ts";
import { addServiceEntry } from "./flow-yaml.ts";
import { addServiceMethod } from "./service-class.ts";

/** What a skeleton did. Paths are absolute. */
export interface SkeletonResult {
  created: string[];
  changed: string[];
  /** What could not be inserted without touching a person's code, with the lines to add by hand. */
  manual: { file: string; add: string }[];
}

/** Members of goflow's class Service: an RPC of that name could not be a method of a service class. */
const reserved = new Set(["close", "desc", "register"]);

/** @throws FlowError FLOW_SCAFFOLD_REFUSED */
export function refuseReserved(method: string): void {
  if (!reserved.has(camelCase(method))) return;
  throw new FlowError(
    "FLOW_SCAFFOLD_REFUSED",
    `an RPC cannot be named ${method}: every service class has a ${camelCase(method)} of its own`,
    {
      hint: `name it after what it does to what, e.g. ${method}Account`,
    },
  );
}

/** Lays out the service's class and its entry in flow.yaml, where they are missing. */
export async function layOutService(
  ctx: FlowContext,
  repository: CodegenRepository,
  { service, description }: { service: DescService; description: string },
): Promise<SkeletonResult> {
  const result: SkeletonResult = { created: [], changed: [], manual: [] };
  const name = consulName(service.file, service.name);
  const path = join(repository.dir, servicePath(name));
  const text = await readTemplate(ctx, "service/service.ts", {
    service: name,
    protoService: service.name,
    packageName: packageOf(repository),
    protoDirectory: posix.dirname(service.file.proto.name),
  });
  if (await writeNew(path, text)) result.created.push(path);
  if (repository.definition.services?.[name] !== undefined) return result;
  const entry = { description, entry: servicePath(name) };
  const changed = addServiceEntry(await readFile(repository.file, "utf8"), name, entry);
  if (changed === undefined) {
    result.manual.push({ file: repository.file, add: `services:\n  ${name}:\n    entry: ${entry.entry}` });
  } else {
    await writeAtomic(repository.file, changed);
    result.changed.push(repository.file);
  }
  return result;
}

/** Lays out one RPC: its folder, and its method in the service class. What is there already stays as it is. */
export async function layOutMethod(
  ctx: FlowContext,
  { scope, repository, method }: { scope: CodegenScope; repository: CodegenRepository; method: DescMethod },
): Promise<SkeletonResult> {
  refuseReserved(method.name);
  const result: SkeletonResult = { created: [], changed: [], manual: [] };
  const { parent } = method;
  const service = consulName(parent.file, parent.name);
  const functionName = camelCase(methodFolder(parent.name, method.name));
  const path = join(repository.dir, implementationPath(service, parent.name, method.name));
  const code = await readTemplate(ctx, "service/method.ts", {
    header: implementationHeader(`/${parent.typeName}/${method.name}`),
    path: `/${parent.typeName}/${method.name}`,
    typeImports: typeImports(scope, repository, method),
    signature: signature(functionName, method),
  });
  if (await writeNew(path, code)) result.created.push(path);

  const classFile = join(repository.dir, servicePath(service));
  const before = await readFile(classFile, "utf8");
  const folder = methodFolder(parent.name, method.name);
  const parameters = `ctx: Context, ${parameterOf(method)}`;
  const [name] = parameterOf(method).split(":");
  const lines = streamsOut(method)
    ? [`  ${method.localName}(${parameters}) {`, `    return ${functionName}(ctx, ${name});`, "  }"]
    : [`  async ${method.localName}(${parameters}) {`, `    return await ${functionName}(ctx, ${name});`, "  }"];
  const after = addServiceMethod(before, {
    protoService: parent.name,
    name: method.localName,
    lines,
    imports: [
      { name: "Context", from: "goflow/runtime", typeOnly: true },
      { name: method.input.name, from: moduleOf(scope, repository, method.input), typeOnly: true },
      { name: functionName, from: `./internal/${folder}/${folder}.ts`, typeOnly: false },
    ],
  });
  if (after === undefined) {
    result.manual.push({ file: classFile, add: lines.join("\n") });
  } else if (after !== before) {
    await writeAtomic(classFile, after);
    result.changed.push(classFile);
  }
  return result;
}

function signature(functionName: string, method: DescMethod): string {
  const answer = `MessageInitShape<typeof ${method.output.name}Schema>`;
  const parameters = `\n  ctx: Context,\n  ${parameterOf(method)},\n`;
  return streamsOut(method)
    ? `async function* ${functionName}(${parameters}): AsyncIterable<${answer}>`
    : `async function ${functionName}(${parameters}): Promise<${answer}>`;
}

function parameterOf({ methodKind, input }: DescMethod): string {
  return methodKind === "client_streaming" || methodKind === "bidi_streaming"
    ? `requests: AsyncIterable<${input.name}>`
    : `request: ${input.name}`;
}

function streamsOut({ methodKind }: DescMethod): boolean {
  return methodKind === "server_streaming" || methodKind === "bidi_streaming";
}

function typeImports(scope: CodegenScope, repository: CodegenRepository, { input, output }: DescMethod): string {
  const wanted = [
    { name: input.name, from: moduleOf(scope, repository, input) },
    { name: `${output.name}Schema`, from: moduleOf(scope, repository, output) },
  ];
  return [...Map.groupBy(wanted, ({ from }) => from)]
    .map(([from, names]) => `import type { ${[...new Set(names.map(({ name }) => name))].join(", ")} } from "${from}";`)
    .join("\n");
}

/** What a service imports a message's types from. */
function moduleOf(scope: CodegenScope, repository: CodegenRepository, { file }: DescMessage): string {
  const path = file.proto.name;
  if (path.startsWith("google/protobuf/")) return "@bufbuild/protobuf/wkt";
  if (scope.shipped.files.includes(path)) return `goflow/proto/${file.name}_pb`;
  const owner = scope.repositories.find(({ protos }) => protos.files.includes(path)) ?? repository;
  return `${packageOf(owner)}/rpc/${posix.dirname(path)}`;
}

/** @throws FlowError FLOW_SCAFFOLD_REFUSED */
function packageOf({ packageName, dir }: CodegenRepository): string {
  if (packageName !== undefined) return packageName;
  throw new FlowError(
    "FLOW_SCAFFOLD_REFUSED",
    `${join(dir, "package.json")} gives the repository no name to import it by`,
    {
      hint: 'add one, e.g. "name": "@acme/shop", and "type": "module"',
    },
  );
}
