import { readFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { parseSync, Visitor } from "oxc-parser";

/** One import, re-export or `import()` of a module. */
export interface ImportSite {
  specifier: string;
  /** Path from the checkout's root for a relative import; undefined for a package or a `node:` module. */
  file: string | undefined;
  /** Name of the package, `node:` modules included as they are written. */
  package: string | undefined;
  /** `eager` runs with the importing module; `lazy` is an `import()`; `type` is gone at run time. */
  kind: "eager" | "lazy" | "type";
  line: number;
}

/** A use of something global that only some folders may touch: `process.env`, `console`, `import.meta.url`. */
export interface GlobalSite {
  name: string;
  line: number;
}

export interface Module {
  path: string;
  imports: ImportSite[];
  globals: GlobalSite[];
}

/** Reads what a module imports and which globals it touches. `path` counts from `root`. */
export async function scanModule(root: string, path: string): Promise<Module> {
  const source = await readFile(join(root, path), "utf8");
  const { program, errors } = parseSync(path, source);
  const [error] = errors;
  if (error !== undefined) throw new Error(`${path}: ${error.message}`);
  const module: Module = { path, imports: [], globals: [] };
  const lineAt = (offset: number) => source.slice(0, offset).split("\n").length;
  const add = (specifier: string, kind: ImportSite["kind"], start: number) =>
    module.imports.push({ specifier, kind, line: lineAt(start), ...resolve(path, specifier) });
  const touch = (name: string, start: number) => module.globals.push({ name, line: lineAt(start) });
  new Visitor({
    ImportDeclaration: (node) => add(node.source.value, node.importKind === "type" ? "type" : "eager", node.start),
    ExportAllDeclaration: (node) => add(node.source.value, node.exportKind === "type" ? "type" : "eager", node.start),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) add(node.source.value, node.exportKind === "type" ? "type" : "eager", node.start);
    },
    ImportExpression: ({ source: argument, start }) => {
      if (argument.type === "Literal" && typeof argument.value === "string") add(argument.value, "lazy", start);
    },
    TSImportType: (node) => add(node.source.value, "type", node.start),
    MemberExpression: ({ object, property, start }) => {
      const member = property.type === "Identifier" ? property.name : "[…]";
      // A variable of ours may be called process too; its members are others.
      if (object.type === "Identifier" && object.name === "process" && member in process)
        touch(`process.${member}`, start);
      if (object.type === "Identifier" && object.name === "console") touch(`console.${member}`, start);
      if (object.type === "MetaProperty") touch(`import.meta.${member}`, start);
    },
    VariableDeclarator: ({ init, start }) => {
      if (init?.type === "Identifier" && init.name === "process") touch("process", start);
    },
  }).visit(program);
  return module;
}

function resolve(from: string, specifier: string): { file: string | undefined; package: string | undefined } {
  if (specifier.startsWith(".")) {
    return { file: posix.normalize(posix.join(dirname(from), specifier)), package: undefined };
  }
  if (specifier.startsWith("node:")) return { file: undefined, package: specifier };
  return { file: undefined, package: specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/") };
}
