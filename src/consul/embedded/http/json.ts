import { byBytes } from "../store/order.ts";

/** Digits of a 64-bit number, written to JSON as a number. */
export class Uint64 {
  readonly digits: string;

  constructor(digits: string) {
    this.digits = digits;
  }

  toJSON(): unknown {
    return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(this.digits);
  }
}

/** JSON as Consul writes it: four spaces and a final newline when indented, compact otherwise. */
export function encodeJson(value: unknown, indent: boolean): string {
  return indent ? `${JSON.stringify(value, undefined, 4)}\n` : JSON.stringify(value);
}

/** An object with its keys in order, as Go writes maps. */
export function sorted<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  return Object.fromEntries([...entries].sort(([a], [b]) => byBytes(a, b)));
}
