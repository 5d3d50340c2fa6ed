import { existsSync } from "node:fs";
import { join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { writeAtomic } from "../../core/files.ts";
import { compile } from "../build.ts";
import { loadFiles } from "../method-index.ts";
import { implementationPath, kebabCase, pascalCase, servicePath, snakeCase } from "../names.ts";
import { readTemplate } from "../../core/templates.ts";
import { loadScope, type CodegenTarget } from "../scope.ts";
import { resolveTools, type CodegenTools } from "../tools.ts";
import { layOutMethod, layOutService, type SkeletonResult } from "./implementation.ts";
import { chooseRepository } from "./repository-choice.ts";

export interface NewServiceOptions {
  /** Name in flow.yaml and Consul: `stock-report`. */
  name: string;
  /** Default: the repository around `ctx.cwd`, or the only one. */
  repository?: string | undefined;
  /** Proto package, default `common`. */
  package?: string | undefined;
  tools?: CodegenTools | undefined;
  /** Tell what would be laid out, and write nothing. Default false. */
  dryRun?: boolean;
}

/**
 * Lays out a service: its proto with a first RPC, Get, its class, the RPC's folder, and its entry in flow.yaml.
 * Generates nothing: the caller goes on with `generate`.
 * @throws FlowError FLOW_SCAFFOLD_EXISTS, FLOW_USAGE, FLOW_PROTO_INVALID
 */
export async function newService(
  ctx: FlowContext,
  target: CodegenTarget,
  options: NewServiceOptions,
): Promise<SkeletonResult> {
  const { name, package: protoPackage = "common" } = options;
  checkNames(name, protoPackage);
  const scope = await loadScope(ctx, target);
  const tools = options.tools ?? resolveTools(ctx, scope);
  const repository = chooseRepository(ctx, scope, options.repository);
  const protoPath = `${protoPackage.replaceAll(".", "/")}/${snakeCase(name)}.proto`;
  const proto = join(repository.protos.dir, protoPath);
  const inTheWay = [proto, join(repository.dir, servicePath(name))].find((path) => existsSync(path));
  if (inTheWay !== undefined || repository.definition.services?.[name] !== undefined) {
    throw new FlowError("FLOW_SCAFFOLD_EXISTS", `there is a service ${name} already: ${inTheWay ?? repository.file}`, {
      hint: "choose another name, or add an RPC to it: flow new rpc",
    });
  }
  const protoService = pascalCase(name);
  const values = {
    package: protoPackage,
    protoService,
    service: name,
    serviceOption: kebabCase(protoService) === name ? "" : `option (flow.service) = "${name}";\n\n`,
  };
  if (options.dryRun === true) {
    const files = [servicePath(name), implementationPath(name, protoService, "Get")];
    const created = [proto, ...files.map((path) => join(repository.dir, path))];
    return { created, changed: [repository.file], manual: [] };
  }
  await writeAtomic(proto, await readTemplate(ctx, "service/service.proto", values));

  const complete = await loadScope(ctx, target);
  await compile(ctx, { scope: complete, tools });
  const service = (await loadFiles(complete)).get(protoPath)?.services[0];
  if (service === undefined) throw new Error(`${protoPath} has no service`);
  const result = await layOutService(ctx, repository, { service, description: `${name} service` });
  const results: SkeletonResult[] = [{ created: [proto], changed: [], manual: [] }, result];
  for (const method of service.methods) results.push(await layOutMethod(ctx, { scope: complete, repository, method }));
  return mergeResults(results);
}

/** One report of several; a file that was created in the same go does not count as changed. */
export function mergeResults(results: readonly SkeletonResult[]): SkeletonResult {
  const created = [...new Set(results.flatMap((result) => result.created))];
  const changed = [...new Set(results.flatMap((result) => result.changed))].filter((path) => !created.includes(path));
  return { created, changed, manual: results.flatMap(({ manual }) => manual) };
}

function checkNames(name: string, protoPackage: string): void {
  if (!/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) {
    throw new FlowError("FLOW_USAGE", `"${name}" cannot be a service's name`, {
      hint: "a letter, then lower-case letters, digits and hyphens, at most 63: stock-report",
    });
  }
  if (!/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/.test(protoPackage)) {
    throw new FlowError("FLOW_USAGE", `"${protoPackage}" cannot be a proto package`, {
      hint: "lower-case names joined by dots: common, trade.v1",
    });
  }
}
