import { DynamicTable } from "./dynamic-table.ts";
import { HeaderField } from "./field.ts";
import { huffmanDecode } from "./huffman.ts";
import { firstDynamicIndex, staticTable } from "./static-table.ts";

/** A header block that cannot be decoded: COMPRESSION_ERROR for the connection. */
export class HpackError extends Error {}

export interface DecodedBlock {
  fields: readonly HeaderField[];
  /** The fields are not all there: together they are larger than the limit. The tables are in step all the same. */
  tooLarge: boolean;
}

/** RFC 9113 section 6.5.2: what both sides begin with. */
const defaultTableBytes = 4_096;

/** Blocks of a few bytes come again and again; longer ones are not worth looking for. */
const longestKept = 64;

/** Decodes the header blocks of one connection in their order: RFC 7541. */
export class HpackDecoder {
  readonly #table: DynamicTable;
  /** What our SETTINGS_HEADER_TABLE_SIZE allows the peer. */
  #mostCapacity: number;
  /** A reduction that the peer has to follow at the start of its next block. */
  #mustShrinkTo: number | undefined;
  #source: Buffer = empty;
  #at = 0;
  #end = 0;
  #scratch: Buffer = Buffer.allocUnsafeSlow(256);
  /** The last blocks that consisted of indexed fields only, valid while the table stays as it is. */
  #kept: { bytes: Buffer; block: DecodedBlock }[] = [];

  /** `most`: what the table may grow to. It begins with the protocol's size, whatever our settings say: the peer may not know them yet. */
  constructor(most: number) {
    this.#mostCapacity = Math.max(defaultTableBytes, most);
    this.#table = new DynamicTable(defaultTableBytes);
  }

  /** Sets the table's limit, once the peer has acknowledged the setting. A smaller one it has to follow with its next block. */
  limit(capacity: number): void {
    if (capacity < this.#table.capacity) this.#mustShrinkTo = capacity;
    this.#mostCapacity = capacity;
    this.#kept = [];
  }

  /**
   * Decodes one whole block: `source[start, end)`. Only views on strings are kept of it.
   * @throws HpackError
   */
  decode(source: Buffer, start: number, end: number, mostBytes: number): DecodedBlock {
    const known = end - start <= longestKept ? this.#find(source, start, end) : undefined;
    if (known !== undefined) return known;
    this.#source = source;
    this.#at = start;
    this.#end = end;
    this.#updateCapacity();
    const fields: HeaderField[] = [];
    let bytes = 0;
    let indexedOnly = this.#at === start;
    const first = this.#at;
    while (this.#at < end) {
      const byte = source[this.#at] as number;
      let field: HeaderField;
      if (byte & 0x80) {
        field = this.#entry(this.#integer(0x7f));
      } else {
        indexedOnly = false;
        if ((byte & 0xe0) === 0x20) throw new HpackError("a table size update after the first field");
        field = this.#literal(byte);
      }
      bytes += field.size;
      if (bytes <= mostBytes) fields.push(field);
    }
    this.#source = empty;
    const block = { fields, tooLarge: bytes > mostBytes };
    if (indexedOnly && !block.tooLarge && end - first <= longestKept) this.#keep(source.subarray(start, end), block);
    return block;
  }

  #find(source: Buffer, start: number, end: number): DecodedBlock | undefined {
    for (const { bytes, block } of this.#kept) {
      if (bytes.length !== end - start) continue;
      let index = 0;
      while (index < bytes.length && bytes[index] === source[start + index]) index++;
      if (index === bytes.length) return block;
    }
    return undefined;
  }

  #keep(bytes: Buffer, block: DecodedBlock): void {
    if (this.#kept.length === 4) this.#kept.shift();
    this.#kept.push({ bytes: Buffer.from(bytes), block });
  }

  /** RFC 7541 section 4.2: updates come first in a block. */
  #updateCapacity(): void {
    let updates = 0;
    while (this.#at < this.#end && ((this.#source[this.#at] as number) & 0xe0) === 0x20) {
      const capacity = this.#integer(0x1f);
      if (capacity > this.#mostCapacity)
        throw new HpackError(`a table of ${capacity} bytes, where ${this.#mostCapacity} are allowed`);
      if (++updates > 2) throw new HpackError("more than two table size updates in one block");
      if (this.#mustShrinkTo !== undefined && capacity <= this.#mustShrinkTo) this.#mustShrinkTo = undefined;
      this.#table.resize(capacity);
      this.#kept = [];
    }
    if (this.#mustShrinkTo !== undefined && this.#at < this.#end)
      throw new HpackError("the table was not made smaller as the settings ask");
  }

  #entry(index: number): HeaderField {
    const field = index < firstDynamicIndex ? staticTable[index] : this.#table.get(index - firstDynamicIndex);
    if (field === undefined || index === 0) throw new HpackError(`there is no entry ${index}`);
    return field;
  }

  #literal(byte: number): HeaderField {
    const indexed = (byte & 0xc0) === 0x40;
    const index = this.#integer(indexed ? 0x3f : 0x0f);
    const name = index === 0 ? this.#string() : this.#entry(index).name;
    const value = this.#string();
    const field = new HeaderField(name, value, (byte & 0xf0) === 0x10);
    if (indexed) {
      this.#table.add(field);
      this.#kept = [];
    }
    return field;
  }

  /** RFC 7541 section 5.1, at most 2^28. */
  #integer(mask: number): number {
    let value = (this.#source[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= this.#end) throw new HpackError("the block ends inside an integer");
      const byte = this.#source[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw new HpackError("an integer is too large");
  }

  #string(): string {
    if (this.#at >= this.#end) throw new HpackError("the block ends before a string");
    const huffman = ((this.#source[this.#at] as number) & 0x80) !== 0;
    const length = this.#integer(0x7f);
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw new HpackError("the block ends inside a string");
    if (!huffman) return this.#source.toString("latin1", start, this.#at);
    if (length * 2 > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(length * 2);
    const end = huffmanDecode(this.#source, start, this.#at, this.#scratch);
    if (end < 0) throw new HpackError("a string is not Huffman code");
    const text = this.#scratch.toString("latin1", 0, end);
    if (this.#scratch.length > 16_384) this.#scratch = Buffer.allocUnsafeSlow(256);
    return text;
  }
}

const empty = Buffer.alloc(0);
