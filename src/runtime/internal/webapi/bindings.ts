import { getOption, hasOption, type DescField, type DescMessage, type JsonValue } from "@bufbuild/protobuf";
import { Code } from "../../code.ts";
import { RpcError } from "../../error.ts";
import { http } from "../../proto/google/api/annotations_pb.ts";
import type { HttpRule } from "../../proto/google/api/http_pb.ts";
import type { MethodEntry, MethodTable } from "../server/table.ts";

/** A `google.api.http` rule, ready to match: https://github.com/googleapis/googleapis/blob/master/google/api/http.proto */
export interface Binding {
  readonly entry: MethodEntry;
  readonly verb: string;
  /** As written in the proto. */
  readonly template: string;
  readonly pattern: RegExp;
  /** Field paths of the pattern's groups. */
  readonly variables: readonly string[];
  /** `*`, a field's name, or empty for none. */
  readonly body: string;
  readonly responseBody: string;
}

/** Bindings of all enabled methods, the more specific before the more general. */
export function compileBindings(table: MethodTable): Binding[] {
  const bindings: Binding[] = [];
  for (const entry of table.values()) {
    if (!entry.webapi.enable || !hasOption(entry.descriptor, http)) continue;
    const rule = getOption(entry.descriptor, http);
    for (const each of [rule, ...rule.additionalBindings]) {
      const binding = compile(entry, each);
      if (binding !== undefined) bindings.push(binding);
    }
  }
  return bindings.sort((a, b) => a.variables.length - b.variables.length || b.template.length - a.template.length);
}

function compile(entry: MethodEntry, rule: HttpRule): Binding | undefined {
  const { case: kind, value } = rule.pattern;
  if (kind === undefined) return undefined;
  const [verb, template] = kind === "custom" ? [value.kind, value.path] : [kind.toUpperCase(), value];
  const variables: string[] = [];
  const source = template.replace(
    /\{([^}=]+)(?:=([^}]*))?\}|\*\*|\*|[.+?^$()|[\]\\]/g,
    (match, name: string | undefined, segments: string | undefined) => {
      if (match === "**") return ".*";
      if (match === "*") return "[^/]+";
      if (name === undefined) return `\\${match}`;
      variables.push(name.trim());
      return `(${(segments ?? "*")
        .split("/")
        .map((part) => (part === "**" ? ".*" : part === "*" ? "[^/]+" : part.replace(/[.+?^$()|[\]\\]/g, "\\$&")))
        .join("/")})`;
    },
  );
  return {
    entry,
    verb,
    template,
    pattern: new RegExp(`^${source}$`),
    variables,
    body: rule.body,
    responseBody: rule.responseBody,
  };
}

export interface BindingMatch {
  binding: Binding;
  /** Values of the path's variables, decoded. */
  values: readonly string[];
}

export function matchBinding(bindings: readonly Binding[], verb: string, path: string): BindingMatch | undefined {
  for (const binding of bindings) {
    const found = binding.verb === verb ? binding.pattern.exec(path) : null;
    if (found === null) continue;
    try {
      return { binding, values: found.slice(1).map(decodeURIComponent) };
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** The request in ProtoJSON, put together of path, query and body. @throws RpcError INVALID_ARGUMENT for a parameter that is no field */
export function bindRequest({ binding, values }: BindingMatch, query: URLSearchParams, body: JsonValue): JsonValue {
  const { input } = binding.entry.descriptor;
  const request: Record<string, JsonValue> = binding.body === "*" && isObject(body) ? { ...body } : {};
  if (binding.body !== "" && binding.body !== "*") request[binding.body] = body;
  if (binding.body !== "*") {
    for (const name of new Set(query.keys())) put(request, { input, path: name, texts: query.getAll(name) });
  }
  for (const [index, path] of binding.variables.entries()) put(request, { input, path, texts: [values[index] ?? ""] });
  return request;
}

function put(
  target: Record<string, JsonValue>,
  { input, path, texts }: { input: DescMessage; path: string; texts: readonly string[] },
): void {
  const names = path.split(".");
  let message: DescMessage | undefined = input;
  let object = target;
  for (const [index, name] of names.entries()) {
    const field: DescField | undefined = message?.fields.find(
      (candidate) => candidate.name === name || candidate.jsonName === name,
    );
    if (field === undefined)
      throw new RpcError(Code.InvalidArgument, `there is no field ${path} in ${input.typeName}`, {
        reason: "UNKNOWN_PARAMETER",
        fields: { parameter: path },
      });
    if (index === names.length - 1) {
      const texted = texts.map((text) => scalar(field, text));
      object[field.name] = field.fieldKind === "list" ? texted : (texted.at(-1) ?? null);
    } else {
      const inner = object[field.name];
      object = (object[field.name] = isObject(inner) ? inner : {}) as Record<string, JsonValue>;
      message = field.fieldKind === "message" ? field.message : undefined;
    }
  }
}

/** ProtoJSON takes numbers and enums as text, but not booleans. */
function scalar(field: DescField, text: string): JsonValue {
  const boolean =
    (field.fieldKind === "scalar" && field.scalar === 8) ||
    (field.fieldKind === "list" && field.listKind === "scalar" && field.scalar === 8);
  return boolean && (text === "true" || text === "false") ? text === "true" : text;
}

function isObject(value: JsonValue | undefined): value is Record<string, JsonValue> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
