import { matchingBrace, maskSource } from "./source-mask.ts";

export interface ServiceMethod {
  /** Name of the proto service whose registrar the class calls. */
  protoService: string;
  /** The class's method, e.g. `get`. */
  name: string;
  /** Its parameters and body, two spaces deep. */
  lines: readonly string[];
  imports: readonly { name: string; from: string; typeOnly: boolean }[];
}

/**
 * Adds a method to the service class that registers `protoService`, and the imports it needs; nothing else is touched.
 * @returns the text unchanged when the class has the method; undefined when there is no such class to be found
 */
export function addServiceMethod(text: string, method: ServiceMethod): string | undefined {
  const masked = maskSource(text);
  const body = findClassBody(masked, method.protoService);
  if (body === undefined) return undefined;
  if (new RegExp(`(?:^|[\\s;}])${escape(method.name)}\\s*[(=:<]`).test(masked.slice(body.start, body.end))) return text;

  const imports = method.imports.filter(({ name }) => !isImported(masked, name));
  const head = imports
    .map(({ name, from, typeOnly }) => `import ${typeOnly ? "type " : ""}{ ${name} } from "${from}";\n`)
    .join("");
  const importsEnd = endOfImports(masked);
  const isEmpty = masked.slice(body.start, body.end).trim() === "";
  const before = text.slice(importsEnd, body.end).trimEnd();
  const added = `${before}\n${isEmpty ? "" : "\n"}${method.lines.map((line) => `${line}\n`).join("")}`;
  return `${text.slice(0, importsEnd)}${head}${added}${indentBefore(text, body.end)}${text.slice(body.end)}`;
}

/** Start and end of the inside of the class that calls `register<Service>(`. */
function findClassBody(masked: string, protoService: string): { start: number; end: number } | undefined {
  for (const match of masked.matchAll(/\bclass\s+[\w$]+[^{]*\{/g)) {
    const open = match.index + match[0].length - 1;
    const end = matchingBrace(masked, open);
    if (end === undefined) return undefined;
    if (new RegExp(`\\bregister${escape(protoService)}\\s*\\(`).test(masked.slice(open, end)))
      return { start: open + 1, end };
  }
  return undefined;
}

function isImported(masked: string, name: string): boolean {
  return new RegExp(`^import\\b[^"']*[{,\\s]${escape(name)}[\\s,}][^"']*["']`, "m").test(masked);
}

/** Position after the line of the last import. */
function endOfImports(masked: string): number {
  let end = 0;
  for (const match of masked.matchAll(/^import\b[^"']*(["'])[^"']*\1[^\n]*\n/gm)) end = match.index + match[0].length;
  return end;
}

function indentBefore(text: string, at: number): string {
  return /[ \t]*$/.exec(text.slice(0, at))?.[0] ?? "";
}

function escape(name: string): string {
  return name.replace(/[$]/g, "\\$&");
}
