import { readFile } from "node:fs/promises";
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from "yaml";
import type * as z from "zod";
import { FlowError, systemCode } from "../core/errors.ts";
import { nearest } from "../core/suggest.ts";

/** A parsed YAML file that can still say where each of its values stands. */
export interface YamlFile {
  path: string;
  value: unknown;
  /** 1-based line of the value at `keys`, or of its nearest existing parent. `atKey` means the line of the key itself. */
  lineOf(keys: readonly PropertyKey[]): number;
}

/** Reads a YAML file; undefined when there is none. @throws FlowError FLOW_CONFIG_INVALID with file and line */
export async function readYaml(path: string): Promise<YamlFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw new FlowError("FLOW_CONFIG_INVALID", `${path} cannot be read`, { cause: error });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const error = document.errors[0];
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new FlowError("FLOW_CONFIG_INVALID", `${path}:${line}:${col}: ${error.message}`, {
      hint: "the file is not valid YAML there",
    });
  }
  return { path, value: document.toJS() ?? {}, lineOf: (keys) => lines.linePos(offsetOf(document, keys)).line };
}

function offsetOf(document: Document, keys: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of keys) {
    if (isMap(node)) {
      const pair = node.items.find((item) => String(isScalar(item.key) ? item.key.value : item.key) === String(key));
      if (pair === undefined) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}

/** Checks a YAML file against a schema. @throws FlowError FLOW_CONFIG_INVALID naming file, line, key and what is allowed */
export function checkYaml<S extends z.ZodType>(file: YamlFile, schema: S, knownKeys: readonly string[]): z.output<S> {
  const result = schema.safeParse(file.value);
  if (result.success) return result.data;
  const complaints = result.error.issues.flatMap((issue) => complain(file, issue, knownKeys));
  throw new FlowError("FLOW_CONFIG_INVALID", complaints.join("\n"), {
    hint:
      complaints.length === 1
        ? `correct it in ${file.path}`
        : `correct these ${complaints.length} places in ${file.path}`,
    details: { file: file.path },
  });
}

function complain(file: YamlFile, issue: z.core.$ZodIssue, knownKeys: readonly string[]): string[] {
  const at = (keys: readonly PropertyKey[]) => `${file.path}:${file.lineOf(keys)}`;
  const name = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const suggestion = nearest(key, knownKeys);
      const where = name === "" ? "" : ` in ${name}`;
      return `${at([...issue.path, key])}: unknown key "${key}"${where}${suggestion === undefined ? "" : `; did you mean "${suggestion}"?`}`;
    });
  }
  if (issue.code === "invalid_union") {
    // The alternative that went deepest is what the writer meant.
    const branches = issue.errors.map((issues) =>
      issues.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })),
    );
    const deepest = branches.toSorted((a, b) => (b[0]?.path.length ?? 0) - (a[0]?.path.length ?? 0))[0];
    if (deepest !== undefined && (deepest[0]?.path.length ?? 0) > issue.path.length)
      return deepest.flatMap((inner) => complain(file, inner as z.core.$ZodIssue, knownKeys));
    const reasons = [...new Set(branches.flat().map((inner) => describe(inner as z.core.$ZodIssue)))];
    return [`${at(issue.path)}: ${name}: ${reasons.join(", or ")}`];
  }
  return [`${at(issue.path)}: ${name === "" ? "the file" : name}: ${describe(issue)}`];
}

function describe(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") return `must be ${article(issue.expected)}`;
  if (issue.code === "invalid_value")
    return `must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
  if (issue.code === "invalid_key") return `a name ${issue.issues.map(({ message }) => message).join(" and ")}`;
  return issue.message;
}

function article(type: string): string {
  const words: Record<string, string> = {
    record: "a map",
    object: "a map",
    array: "a list",
    string: "text",
    int: "a whole number",
    number: "a number",
    boolean: "true or false",
  };
  return words[type] ?? type;
}
