import { DynamicTable } from "./dynamic-table.ts";
import type { HeaderField } from "./field.ts";
import { huffmanEncode, huffmanLength } from "./huffman.ts";
import { firstDynamicIndex, staticTable } from "./static-table.ts";

/** What the encoder knows of a name. */
interface Name {
  /** Index in the static table, 0 without one. */
  readonly fixed: number;
  /** Static index by value. */
  readonly fixedValues: ReadonlyMap<string, number> | undefined;
  /** Insertion number by value. */
  readonly values: Map<string, number>;
  readonly isVolatile: boolean;
  readonly isSecret: boolean;
  /** Insertions that were never used again, less those that were: a name whose values change is not indexed for long. */
  wasted: number;
}

/**
 * Values that differ from call to call: they would only push others out of the table, so that one is indexed for its
 * name alone. They are not Huffman-coded either: it saves a few bytes of a call and costs as much as the rest of its list.
 */
const volatile = new Set([
  "grpc-timeout", "grpc-message", "grpc-status-details-bin", "traceparent", "tracestate", "content-length", "date",
  "etag", "if-modified-since", "if-none-match", "last-modified", "location", "age", "expires", "x-request-id",
]); // prettier-ignore

/** RFC 7541 section 7.1.3: short secrets could be guessed by their effect on the table. */
const secrets = new Set(["authorization", "proxy-authorization", "cookie", "set-cookie"]);
const shortSecret = 20;

type StaticName = Pick<Name, "fixed" | "fixedValues">;

const notStatic: StaticName = { fixed: 0, fixedValues: undefined };
const staticNames: ReadonlyMap<string, StaticName> = readStaticNames();

function readStaticNames(): Map<string, StaticName> {
  const names = new Map<string, { fixed: number; fixedValues: Map<string, number> | undefined }>();
  for (let index = firstDynamicIndex - 1; index > 0; index--) {
    const { name, value } = staticTable[index] as HeaderField;
    const known = names.get(name) ?? { fixed: index, fixedValues: undefined };
    known.fixed = index;
    if (value !== "") (known.fixedValues ??= new Map()).set(value, index);
    names.set(name, known);
  }
  return names;
}

const mostWasted = 16;
const retry = 1 / 8;
const mostNames = 1_024;

/** A field list that is sent often: its block is kept as bytes while the table stays as it is. */
export interface PreparedFields {
  readonly fields: readonly HeaderField[];
  bytes: Buffer | undefined;
  generation: number;
  /** Most bytes that its block may take. */
  room: number;
}

/** A list to be sent again and again over one connection. */
export function prepareFields(fields: readonly HeaderField[]): PreparedFields {
  return { fields, bytes: undefined, generation: 0, room: 0 };
}

/** Encodes the header blocks of one connection in their order: RFC 7541. */
export class HpackEncoder {
  readonly #mostCapacity: number;
  readonly #table: DynamicTable;
  readonly #names = new Map<string, Name>();
  /** Entries ever added. */
  #added = 0;
  /** Changes whenever an index may mean another field. */
  #generation = 0;
  /** Capacities to announce with the next blocks: the least since the last one, and the one that is allowed now. */
  #announce: { least: number; last: number } | undefined;

  /** `mostCapacity`: what we are willing to keep, whatever the peer allows. */
  constructor(mostCapacity: number) {
    this.#mostCapacity = mostCapacity;
    this.#table = new DynamicTable(Math.min(4_096, mostCapacity), (field) => this.#forget(field));
    if (mostCapacity < 4_096) this.#announce = { least: mostCapacity, last: mostCapacity };
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  limit(allowed: number): void {
    const capacity = Math.min(allowed, this.#mostCapacity);
    if (capacity === this.#table.capacity && this.#announce === undefined) return;
    this.#announce = { least: Math.min(capacity, this.#announce?.least ?? capacity), last: capacity };
    if (capacity < this.#table.capacity) this.#table.resize(capacity);
    this.#generation++;
  }

  /** An upper bound of what {@link encode} writes. */
  room(list: readonly HeaderField[] | PreparedFields): number {
    let bytes = 12;
    if ("fields" in list) return list.bytes === undefined ? this.room(list.fields) : bytes + list.room;
    for (const { name, value } of list) bytes += name.length + value.length + 16;
    return bytes;
  }

  /** Writes a block at `at` and returns its end. The caller has checked the fields: octets only. */
  encode(fields: readonly HeaderField[], target: Buffer, at: number): number {
    let end = this.#announce === undefined ? at : this.#writeCapacity(target, at);
    for (const field of fields) end = this.#field(field, target, end);
    return end;
  }

  /** As {@link encode}, from the kept bytes when they still hold. */
  encodePrepared(prepared: PreparedFields, target: Buffer, at: number): number {
    const { bytes } = prepared;
    if (bytes !== undefined && prepared.generation === this.#generation && this.#announce === undefined) {
      for (let index = 0; index < bytes.length; index++) target[at + index] = bytes[index] as number;
      return at + bytes.length;
    }
    const generation = this.#announce === undefined ? this.#generation : -1;
    const end = this.encode(prepared.fields, target, at);
    const kept = generation === this.#generation;
    prepared.bytes = kept ? Buffer.from(target.subarray(at, end)) : undefined;
    prepared.generation = this.#generation;
    prepared.room = this.room(prepared.fields);
    return end;
  }

  #writeCapacity(target: Buffer, at: number): number {
    const { least, last } = this.#announce as { least: number; last: number };
    // Two updates in one block are allowed, but Go's decoder refuses the second: the larger one waits for the next.
    this.#announce = least < last ? { least: last, last } : undefined;
    this.#table.resize(least);
    return integer({ target, at, first: 0x20, mask: 0x1f }, least);
  }

  #field(field: HeaderField, target: Buffer, at: number): number {
    const known = this.#nameOf(field.name);
    if (field.sensitive || (known.isSecret && field.value.length < shortSecret))
      return this.#literal(field, { target, at, first: 0x10, mask: 0x0f }, known);
    const fixed = known.fixedValues?.get(field.value);
    if (fixed !== undefined) return integer({ target, at, first: 0x80, mask: 0x7f }, fixed);
    const named = known.isVolatile && (known.fixed > 0 || known.values.size > 0);
    const number = named ? undefined : known.values.get(field.value);
    if (number !== undefined) {
      if (known.wasted > -mostWasted) known.wasted--;
      return integer({ target, at, first: 0x80, mask: 0x7f }, this.#indexOf(number));
    }
    // What was given up is tried again now and then.
    if (known.wasted >= mostWasted) known.wasted -= retry;
    const fits = field.size * 2 <= this.#table.capacity;
    if (!fits || named || known.wasted > mostWasted - 1)
      return this.#literal(field, { target, at, first: 0, mask: 0x0f }, known);
    const end = this.#literal(field, { target, at, first: 0x40, mask: 0x3f }, known);
    this.#table.add(field);
    known.values.set(field.value, ++this.#added);
    known.wasted++;
    this.#generation++;
    return end;
  }

  #literal(field: HeaderField, place: Place, known: Name): number {
    const { target } = place;
    const index = known.fixed === 0 ? this.#dynamicName(known) : known.fixed;
    const end = integer(place, index);
    const valueAt = index === 0 ? string(field.name, target, end) : end;
    return known.isVolatile ? plain(field.value, target, valueAt) : string(field.value, target, valueAt);
  }

  #dynamicName(known: Name): number {
    const first = known.values.values().next();
    return first.done === true ? 0 : this.#indexOf(first.value);
  }

  #indexOf(number: number): number {
    return firstDynamicIndex + this.#added - number;
  }

  #nameOf(name: string): Name {
    let known = this.#names.get(name);
    if (known !== undefined) return known;
    // Names that a proxied peer makes up must not pile up here.
    if (this.#names.size >= mostNames)
      for (const [other, { fixed, values }] of this.#names)
        if (fixed === 0 && values.size === 0) this.#names.delete(other);
    const { fixed, fixedValues } = staticNames.get(name) ?? notStatic;
    known = {
      fixed,
      fixedValues,
      values: new Map(),
      isVolatile: volatile.has(name),
      isSecret: secrets.has(name),
      wasted: 0,
    };
    this.#names.set(name, known);
    return known;
  }

  #forget(field: HeaderField): void {
    this.#names.get(field.name)?.values.delete(field.value);
  }
}

interface Place {
  target: Buffer;
  at: number;
  /** The representation's bits. */
  first: number;
  mask: number;
}

function integer({ target, at, first, mask }: Place, value: number): number {
  if (value < mask) {
    target[at] = first | value;
    return at + 1;
  }
  target[at] = first | mask;
  let end = at + 1;
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) target[end++] = (rest & 0x7f) | 0x80;
  target[end++] = rest;
  return end;
}

function string(text: string, target: Buffer, at: number): number {
  const length = huffmanLength(text);
  if (length < text.length)
    return huffmanEncode(text, target, integer({ target, at, first: 0x80, mask: 0x7f }, length));
  return plain(text, target, at);
}

function plain(text: string, target: Buffer, at: number): number {
  const start = integer({ target, at, first: 0, mask: 0x7f }, text.length);
  if (text.length > 64) return start + target.write(text, start, "latin1");
  for (let index = 0; index < text.length; index++) target[start + index] = text.charCodeAt(index);
  return start + text.length;
}
