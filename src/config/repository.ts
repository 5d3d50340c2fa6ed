import { basename, join } from "node:path";
import { FlowError } from "../core/errors.ts";
import { suggest } from "../core/suggest.ts";
import { repositoryKeys } from "./keys.ts";
import { repositoryFile, type RepositoryFile, type ServiceDefinition } from "./repository-schema.ts";
import { checkYaml, readYaml, type YamlFile } from "./yaml-file.ts";

export interface Repository {
  name: string;
  /** Absolute directory of its flow.yaml. */
  dir: string;
  file: string;
  definition: RepositoryFile;
  /** 1-based line in `file` of the value at `keys`, for complaints that need more than this file. */
  lineOf: YamlFile["lineOf"];
}

/** Reads the flow.yaml of the repository at `dir`. @throws FlowError FLOW_CONFIG_NOT_FOUND, FLOW_CONFIG_INVALID */
export async function loadRepository(dir: string): Promise<Repository> {
  const path = join(dir, "flow.yaml");
  const file = await readYaml(path);
  if (file === undefined) {
    throw new FlowError("FLOW_CONFIG_NOT_FOUND", `there is no flow.yaml in ${dir}`, {
      hint: "write one with the services to run, for example:\n\n  services:\n    web:\n      command: python3 -m http.server $PORT",
    });
  }
  const definition = checkYaml(file, repositoryFile, repositoryKeys);
  checkDependencies(file, definition.services ?? {});
  return { name: definition.name ?? basename(dir), dir, file: path, definition, lineOf: file.lineOf };
}

/** What one file alone can tell, with its line; {@link checkServiceGraph} checks across files. */
function checkDependencies(file: YamlFile, services: Record<string, ServiceDefinition>): void {
  for (const [name, service] of Object.entries(services)) {
    if (service.depends?.[name] !== undefined) {
      throw new FlowError(
        "FLOW_CONFIG_INVALID",
        `${file.path}:${file.lineOf(["services", name, "depends"])}: ${name} depends on itself`,
      );
    }
    for (const [dependency, condition] of Object.entries(service.depends ?? {})) {
      const target = services[dependency];
      if (condition === "completed" && target?.entry !== undefined) {
        throw new FlowError(
          "FLOW_CONFIG_INVALID",
          `${file.path}:${file.lineOf(["services", name, "depends"])}: ${name} waits for ${dependency} to complete, but ${dependency} is a server`,
        );
      }
    }
  }
}

export interface ServiceOrigin {
  definition: ServiceDefinition;
  repository: Repository;
}

/** Services of all repositories by name. @throws FlowError FLOW_CONFIG_INVALID for a name used twice, an unknown dependency, or a cycle */
export function checkServiceGraph(repositories: readonly Repository[]): Map<string, ServiceOrigin> {
  const services = collectServices(repositories);
  for (const [name, origin] of services) {
    for (const dependency of Object.keys(origin.definition.depends ?? {})) {
      if (services.has(dependency)) continue;
      throw new FlowError(
        "FLOW_CONFIG_INVALID",
        `${placeOf(origin, name, dependency)}: ${name} depends on "${dependency}", but there is no such service`,
        { hint: suggest(dependency, [...services.keys()], { plural: "services" }) },
      );
    }
  }
  const cycle = findCycle(
    new Map([...services].map(([name, { definition }]) => [name, Object.keys(definition.depends ?? {})])),
  );
  if (cycle !== undefined) {
    const [name, dependency] = cycle as [string, string];
    const where = placeOf(services.get(name) as ServiceOrigin, name, dependency);
    throw new FlowError(
      "FLOW_CONFIG_INVALID",
      `${where}: services depend on each other in a circle: ${cycle.join(" → ")}`,
      {
        hint: "take one of these dependencies out; a service that needs another only for its calls does not have to wait for it",
      },
    );
  }
  return services;
}

function collectServices(repositories: readonly Repository[]): Map<string, ServiceOrigin> {
  const services = new Map<string, ServiceOrigin>();
  for (const repository of repositories) {
    for (const [name, definition] of Object.entries(repository.definition.services ?? {})) {
      const first = services.get(name);
      if (first !== undefined) {
        throw new FlowError(
          "FLOW_CONFIG_INVALID",
          `${placeOf({ repository, definition }, name)}: service "${name}" is defined in ${placeOf(first, name)} already`,
          { hint: "service names are names in Consul: rename one of the two" },
        );
      }
      services.set(name, { definition, repository });
    }
  }
  return services;
}

/** `file:line` of a service, or of what it depends on. */
function placeOf({ repository }: ServiceOrigin, name: string, dependency?: string): string {
  const { file, lineOf, definition } = repository;
  const keys = ["services", name];
  if (dependency === undefined) return `${file}:${lineOf(keys)}`;
  // A list of names, or a map of conditions by name.
  const index = Object.keys(definition.services?.[name]?.depends ?? {}).indexOf(dependency);
  return `${file}:${Math.max(lineOf([...keys, "depends", dependency]), lineOf([...keys, "depends", index]))}`;
}

function findCycle(edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const next of edges.get(name) ?? []) {
      const cycle = visit(next, [...path, name]);
      if (cycle !== undefined) return cycle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of edges.keys()) {
    const cycle = visit(name, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
