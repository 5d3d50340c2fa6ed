const slabBytes = 64 * 1024;
/** A message that leaves less than this of a slab ends it. */
const shortest = 1_024;
const longestAscii = 48;

/** Scratch for 64-bit numbers: the machine's words, the low one first. */
const big = new BigInt64Array(1);
const unsigned = new BigUint64Array(big.buffer);
const words = new Int32Array(big.buffer);

/** A value that the fast way does not know; the library's own encoder says what becomes of it. */
const unusual = new TypeError("not the usual value of its field");

/**
 * Writes messages one behind the other into slabs of memory, so that a message costs neither an allocation of its own
 * nor a copy. Whoever gets a message may keep it: its bytes are never written again.
 */
export class Writer {
  #buffer: Buffer = Buffer.allocUnsafeSlow(0);
  #view: DataView = new DataView(this.#buffer.buffer);
  #start = 0;
  #pos = 0;

  /** Begins a message; whatever was begun before is dropped. */
  begin(): void {
    this.#pos = this.#start;
    if (this.#buffer.length - this.#start < shortest) this.#slab(slabBytes);
  }

  finish(): Uint8Array {
    const message = this.#buffer.subarray(this.#start, this.#pos);
    this.#start = this.#pos;
    return message;
  }

  #slab(bytes: number): void {
    const slab = Buffer.allocUnsafeSlow(bytes);
    this.#buffer.copy(slab, 0, this.#start, this.#pos);
    this.#pos -= this.#start;
    this.#start = 0;
    this.#buffer = slab;
    this.#view = new DataView(slab.buffer);
  }

  #reserve(bytes: number): void {
    if (this.#pos + bytes <= this.#buffer.length) return;
    const used = this.#pos - this.#start;
    this.#slab(Math.max(slabBytes, used * 2, used + bytes));
  }

  /** A number below 2^32 as varint: also tags and lengths. */
  uint32(value: number): void {
    if (!(value >= 0 && value <= 0xffff_ffff && Number.isInteger(value))) throw unusual;
    this.#reserve(5);
    const buffer = this.#buffer;
    let rest = value;
    while (rest > 0x7f) {
      buffer[this.#pos++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[this.#pos++] = rest;
  }

  int32(value: number): void {
    if (value >= 0) {
      if (value > 0x7fff_ffff) throw unusual;
      return this.uint32(value);
    }
    checkInt32(value);
    this.#varint64(value, -1);
  }

  sint32(value: number): void {
    checkInt32(value);
    this.uint32(((value << 1) ^ (value >> 31)) >>> 0);
  }

  fixed32(value: number): void {
    if (!(value >= 0 && value <= 0xffff_ffff && Number.isInteger(value))) throw unusual;
    this.#reserve(4);
    this.#view.setUint32(this.#pos, value, true);
    this.#pos += 4;
  }

  sfixed32(value: number): void {
    checkInt32(value);
    this.#reserve(4);
    this.#view.setInt32(this.#pos, value, true);
    this.#pos += 4;
  }

  int64(value: bigint): void {
    signed64(value);
    this.#varint64(words[0] as number, words[1] as number);
  }

  uint64(value: bigint): void {
    unsigned64(value);
    this.#varint64(words[0] as number, words[1] as number);
  }

  sint64(value: bigint): void {
    signed64(value);
    const low = words[0] as number;
    const high = words[1] as number;
    const sign = high >> 31;
    this.#varint64((low << 1) ^ sign, ((high << 1) | (low >>> 31)) ^ sign);
  }

  fixed64(value: bigint): void {
    unsigned64(value);
    this.#words();
  }

  sfixed64(value: bigint): void {
    signed64(value);
    this.#words();
  }

  #words(): void {
    this.#reserve(8);
    this.#view.setInt32(this.#pos, words[0] as number, true);
    this.#view.setInt32(this.#pos + 4, words[1] as number, true);
    this.#pos += 8;
  }

  #varint64(low: number, high: number): void {
    this.#reserve(10);
    const buffer = this.#buffer;
    let lowRest = low >>> 0;
    let highRest = high >>> 0;
    while (highRest > 0 || lowRest > 0x7f) {
      buffer[this.#pos++] = (lowRest & 0x7f) | 0x80;
      lowRest = ((lowRest >>> 7) | (highRest << 25)) >>> 0;
      highRest >>>= 7;
    }
    buffer[this.#pos++] = lowRest;
  }

  bool(value: boolean): void {
    if (typeof value !== "boolean") throw unusual;
    this.#reserve(1);
    this.#buffer[this.#pos++] = value ? 1 : 0;
  }

  float(value: number): void {
    if (typeof value !== "number" || (Number.isFinite(value) && Math.abs(value) > 3.402_823_4e38)) throw unusual;
    this.#reserve(4);
    this.#view.setFloat32(this.#pos, value, true);
    this.#pos += 4;
  }

  double(value: number): void {
    if (typeof value !== "number") throw unusual;
    this.#reserve(8);
    this.#view.setFloat64(this.#pos, value, true);
    this.#pos += 8;
  }

  bytes(value: Uint8Array): void {
    if (!(value instanceof Uint8Array)) throw unusual;
    this.uint32(value.length);
    this.raw(value);
  }

  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#pos);
    this.#pos += value.length;
  }

  string(value: string): void {
    if (typeof value !== "string") throw unusual;
    if (value.length <= longestAscii && this.#ascii(value)) return;
    const mark = this.fork();
    this.#reserve(value.length * 3);
    this.#pos += this.#buffer.write(value, this.#pos, "utf8");
    this.join(mark);
  }

  /** Writes a short string at once; false when it is not ASCII. */
  #ascii(value: string): boolean {
    const { length } = value;
    this.#reserve(length + 1);
    const buffer = this.#buffer;
    let at = this.#pos;
    buffer[at++] = length;
    for (let index = 0; index < length; index++) {
      const unit = value.charCodeAt(index);
      if (unit > 0x7f) return false;
      buffer[at++] = unit;
    }
    this.#pos = at;
    return true;
  }

  /** Begins what {@link join} gives its length: room for that of most is left. */
  fork(): number {
    this.#reserve(1);
    return this.#pos++ - this.#start;
  }

  join(mark: number): void {
    const from = this.#start + mark + 1;
    const length = this.#pos - from;
    if (length <= 0x7f) {
      this.#buffer[from - 1] = length;
      return;
    }
    let more = 0;
    for (let rest = length >>> 7; rest > 0; rest >>>= 7) more++;
    this.#reserve(more);
    const content = this.#start + mark + 1;
    this.#buffer.copyWithin(content + more, content, this.#pos);
    const end = this.#pos + more;
    this.#pos = content - 1;
    this.uint32(length);
    this.#pos = end;
  }
}

function checkInt32(value: number): void {
  if (!(Number.isInteger(value) && value >= -0x8000_0000 && value <= 0x7fff_ffff)) throw unusual;
}

function signed64(value: bigint): void {
  if (typeof value !== "bigint") throw unusual;
  big[0] = value;
  if (big[0] !== value) throw unusual;
}

function unsigned64(value: bigint): void {
  if (typeof value !== "bigint") throw unusual;
  unsigned[0] = value;
  if (unsigned[0] !== value) throw unusual;
}
