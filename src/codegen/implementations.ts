import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { glob } from "tinyglobby";
import type { IndexedMethod } from "./method-index.ts";
import type { CodegenScope } from "./scope.ts";

/** A method and the file that is missing or left over. */
export interface ImplementationReport {
  method: string;
  repository: string;
  /** Absolute path. */
  path: string;
}

/** The first line of every implementation that flow lays out. It names the RPC, so that a removed one is noticed. */
export function implementationHeader(methodPath: string): string {
  return `// Implements ${methodPath}. Yours to edit.`;
}

/**
 * Compares code with protos: RPCs of the repository's own services without their file, and files whose RPC is gone.
 * Both are for a person to decide; nothing is made or deleted.
 */
export async function compareImplementations(
  scope: CodegenScope,
  methods: readonly IndexedMethod[],
): Promise<{ missing: ImplementationReport[]; obsolete: ImplementationReport[] }> {
  const known = new Set(methods.map(({ path }) => path));
  const missing: ImplementationReport[] = [];
  const obsolete: ImplementationReport[] = [];
  for (const { name, dir, definition } of scope.repositories) {
    for (const method of methods) {
      const path = join(dir, method.implementation);
      const isOwn = method.repository === name && definition.services?.[method.service]?.entry !== undefined;
      if (isOwn && !existsSync(path)) missing.push({ method: method.path, repository: name, path });
    }
    for (const file of (await glob("service/*/internal/*/*.ts", { cwd: dir })).sort()) {
      const [, method] = /^\/\/ Implements (\/[\w.]+\/\w+)\./.exec(await readFile(join(dir, file), "utf8")) ?? [];
      if (method !== undefined && !known.has(method))
        obsolete.push({ method, repository: name, path: join(dir, file) });
    }
  }
  return { missing, obsolete };
}
