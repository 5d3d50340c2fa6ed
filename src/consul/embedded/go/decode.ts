import { parseDuration } from "./duration.ts";

/** What a JSON field must hold; the decoded value is what stands to the right. */
export type Field =
  | "string" // string
  | "int" // number
  | "uint64" // decimal string, of a number that may be beyond JavaScript's
  | "bool" // boolean
  | "duration" // bigint nanoseconds, of a Go duration or a number of nanoseconds
  | "strings" // string[]
  | "stringMap" // Record<string, string>
  | "stringLists" // Record<string, string[]>
  | "base64" // the base64 text itself, checked
  | "any"
  | { readonly list: Shape }
  | { readonly map: Shape }
  | { readonly object: Shape };

/** Names are matched as Consul does: in any case, unknown ones refused; `snake_case` stands for `SnakeCase`. */
export type Shape = Readonly<Record<string, Field>>;

export class DecodeError extends Error {}

/** Parses JSON text; integers too big for a number become bigints. @throws DecodeError */
export function parseBody(text: string): unknown {
  if (text.trim() === "") throw new DecodeError("EOF");
  try {
    return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
      typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
        ? BigInt(context?.source ?? value)
        : value,
    );
  } catch (error) {
    throw new DecodeError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Checks a parsed JSON object against its shape. Absent and null fields are left out. @throws DecodeError */
export function decodeObject<T extends object>(
  value: unknown,
  shape: Shape,
  options: { unknownFields?: "refuse" | "ignore" } = {},
): T {
  if (value === null) return {} as T;
  if (typeof value !== "object" || Array.isArray(value)) throw mismatch(value, "object");
  const names = namesOf(shape);
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const name = names.get(normalize(key));
    if (name === undefined) {
      if (options.unknownFields === "ignore") continue;
      throw new DecodeError(`json: unknown field ${JSON.stringify(key)}`);
    }
    if (item !== null) result[name] = decodeField(item, shape[name] as Field, name);
  }
  return result as T;
}

const shapeNames = new WeakMap<Shape, ReadonlyMap<string, string>>();

function namesOf(shape: Shape): ReadonlyMap<string, string> {
  let names = shapeNames.get(shape);
  if (names === undefined) {
    names = new Map(Object.keys(shape).map((name) => [normalize(name), name]));
    shapeNames.set(shape, names);
  }
  return names;
}

function normalize(name: string): string {
  return name.replaceAll("_", "").toLowerCase();
}

function decodeField(value: unknown, field: Field, name: string): unknown {
  if (typeof field === "object") {
    if ("object" in field) return decodeObject(value, field.object);
    if ("list" in field) return list(value, name).map((item) => decodeObject(item, field.list));
    return mapValues(value, name, (item) => decodeObject(item, field.map));
  }
  return scalars[field](value, name);
}

const scalars: Readonly<Record<Extract<Field, string>, (value: unknown, name: string) => unknown>> = {
  any: (value) => value,
  string: text,
  int: (value, name) => {
    if (typeof value !== "number" || !Number.isInteger(value)) throw mismatch(value, "int", name);
    return value;
  },
  uint64: (value, name) => {
    const digits = typeof value === "number" || typeof value === "bigint" ? String(value) : "";
    if (!isUint64(digits)) throw mismatch(value, "uint64", name);
    return digits;
  },
  bool: (value, name) => {
    if (typeof value !== "boolean") throw mismatch(value, "bool", name);
    return value;
  },
  duration: (value, name) => {
    if (typeof value === "number") return BigInt(Math.trunc(value));
    const duration = parseDuration(text(value, name));
    if (duration === undefined) throw new DecodeError(`time: invalid duration ${JSON.stringify(value)}`);
    return duration;
  },
  strings: (value, name) => list(value, name).map((item) => text(item, name)),
  stringMap: (value, name) => mapValues(value, name, (item) => text(item, name)),
  stringLists: (value, name) =>
    mapValues(value, name, (item) => (typeof item === "string" ? [item] : list(item, name).map((i) => text(i, name)))),
  base64: (value, name) => {
    const encoded = text(value, name);
    if (encoded.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) {
      throw new DecodeError("illegal base64 data at input byte 0");
    }
    return encoded;
  },
};

/** Whether a text is a decimal number that fits 64 bits without sign. */
export function isUint64(digits: string): boolean {
  return /^\d{1,20}$/.test(digits) && BigInt(digits) <= 0xffff_ffff_ffff_ffffn;
}

function text(value: unknown, name: string): string {
  if (typeof value !== "string") throw mismatch(value, "string", name);
  return value;
}

function list(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw mismatch(value, "[]string", name);
  return value;
}

function mapValues<T>(value: unknown, name: string, convert: (item: unknown) => T): Record<string, T> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw mismatch(value, "map", name);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, convert(item)]));
}

function mismatch(value: unknown, type: string, name?: string): DecodeError {
  const kind = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
  const where = name === undefined ? "Go value" : `field ${name}`;
  return new DecodeError(`json: cannot unmarshal ${kind} into ${where} of type ${type}`);
}
