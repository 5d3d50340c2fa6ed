import { ApiError } from "../http/errors.ts";
import type { Fields, FieldType } from "./fields.ts";
import { FilterError } from "./lexer.ts";
import { parseFilter, type Expression, type Operator } from "./parser.ts";

type Test = (row: unknown) => boolean;

/** Compiles a filter for rows of these fields. @throws ApiError 500, as Consul answers a bad filter */
export function compileFilter(text: string, fields: Fields): Test {
  try {
    return compile(parseFilter(text), fields);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new ApiError(500, `Failed to create boolean expression evaluator: ${error.message}`);
  }
}

function compile(expression: Expression, fields: Fields): Test {
  switch (expression.kind) {
    case "and": {
      const [left, right] = [compile(expression.left, fields), compile(expression.right, fields)];
      return (row) => left(row) && right(row);
    }
    case "or": {
      const [left, right] = [compile(expression.left, fields), compile(expression.right, fields)];
      return (row) => left(row) || right(row);
    }
    case "not": {
      const operand = compile(expression.operand, fields);
      return (row) => !operand(row);
    }
    case "match": {
      const { selector, operator, value } = expression;
      const name = selector.join(".");
      const test = compileTest(typeAt(selector, fields), { name, operator, value });
      return (row) => valuesAt(row, selector).some(test);
    }
  }
}

function typeAt(selector: readonly string[], fields: Fields): FieldType {
  let type: FieldType = { object: fields };
  for (const name of selector) {
    let next: FieldType | undefined;
    if (type === "stringMap") next = "string";
    else if (typeof type === "object" && "object" in type) next = own(type.object, name);
    else if (typeof type === "object" && "list" in type) next = own(type.list, name);
    else if (typeof type === "object" && "map" in type) next = { object: type.map };
    if (next === undefined) throw new FilterError(`Selector ${JSON.stringify(selector.join("."))} is not valid`);
    type = next;
  }
  return type;
}

function own(fields: Fields, name: string): FieldType | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** The values that a selector leads to: one, or of a list of structures one for each. */
function valuesAt(row: unknown, selector: readonly string[]): unknown[] {
  let values: unknown[] = [row];
  for (const [at, name] of selector.entries()) {
    const children = values.map((value) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined,
    );
    // A list in the middle of the path is walked into; at its end it is itself the value.
    values = at < selector.length - 1 ? children.flatMap((child) => child) : children;
  }
  return values;
}

interface Match {
  name: string;
  operator: Operator;
  value: string;
}

function compileTest(type: FieldType, match: Match): Test {
  const negated = match.operator.includes("Not");
  const positive = positiveTest(type, match);
  return negated ? (value) => !positive(value) : positive;
}

function positiveTest(type: FieldType, match: Match): Test {
  const invalid = new FilterError(
    `Invalid match operator ${JSON.stringify(match.operator)} for selector ${JSON.stringify(match.name)}`,
  );
  const operator = match.operator.replace("Not ", "") as "Equal" | "In" | "Is Empty" | "Matches";
  const wanted = match.value;
  if (type === "string") {
    if (operator === "Equal") return (value) => (value ?? "") === wanted;
    if (operator === "In") return (value) => typeof value === "string" && value.includes(wanted);
    if (operator === "Matches") {
      const pattern = expression(wanted);
      return (value) => pattern.test(typeof value === "string" ? value : "");
    }
    throw invalid;
  }
  if (type === "int" || type === "bool") {
    if (operator !== "Equal") throw invalid;
    const expected = type === "int" ? toInt(match) : toBool(match);
    return (value) => (value ?? (type === "int" ? 0 : false)) === expected;
  }
  if (operator === "Is Empty" && !(typeof type === "object" && "object" in type)) return isEmpty;
  if (operator === "In" && type === "strings") return (value) => Array.isArray(value) && value.includes(wanted);
  if (operator === "In" && (type === "stringMap" || "map" in (type as object))) {
    return (value) => typeof value === "object" && value !== null && Object.hasOwn(value, wanted);
  }
  throw invalid;
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || Object.keys(value).length === 0;
}

function expression(text: string): RegExp {
  try {
    const [, flags = "", pattern = ""] = /^(?:\(\?([ims]+)\))?([\s\S]*)$/.exec(text) ?? [];
    return new RegExp(pattern, `u${flags}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FilterError(`Failed to compile regular expression ${JSON.stringify(text)}: ${reason}`);
  }
}

function toInt({ value, name }: Match): number {
  if (/^-?\d+$/.test(value)) return Number(value);
  throw new FilterError(
    `Failed to coerce value ${JSON.stringify(value)} for selector ${JSON.stringify(name)}: strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`,
  );
}

function toBool({ value, name }: Match): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new FilterError(
    `Failed to coerce value ${JSON.stringify(value)} for selector ${JSON.stringify(name)}: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`,
  );
}
