import type { HeaderField } from "./field.ts";

/** The dynamic table of one direction, RFC 7541 section 2.3.2: the newest entry is number 0. */
export class DynamicTable {
  /** A ring: the newest entry is at `#head`. */
  #ring: (HeaderField | undefined)[] = Array.from<HeaderField | undefined>({ length: 32 });
  #head = 0;
  #count = 0;
  #size = 0;
  #capacity: number;
  /** Told of each entry that leaves. */
  readonly #evicted: ((field: HeaderField) => void) | undefined;

  constructor(capacity: number, evicted?: (field: HeaderField) => void) {
    this.#capacity = capacity;
    this.#evicted = evicted;
  }

  get count(): number {
    return this.#count;
  }

  get size(): number {
    return this.#size;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get(number: number): HeaderField | undefined {
    return number < this.#count ? this.#ring[(this.#head + number) & (this.#ring.length - 1)] : undefined;
  }

  /** Adds a field; false when it is larger than the whole table, which is empty then. */
  add(field: HeaderField): boolean {
    const { size } = field;
    this.#shrink(this.#capacity - size);
    if (size > this.#capacity) return false;
    if (this.#count === this.#ring.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = field;
    this.#count++;
    this.#size += size;
    return true;
  }

  resize(capacity: number): void {
    this.#capacity = capacity;
    this.#shrink(capacity);
  }

  #shrink(most: number): void {
    while (this.#count > 0 && this.#size > most) {
      const last = (this.#head + --this.#count) & (this.#ring.length - 1);
      const field = this.#ring[last] as HeaderField;
      this.#ring[last] = undefined;
      this.#size -= field.size;
      this.#evicted?.(field);
    }
  }

  #grow(): void {
    const { length } = this.#ring;
    const entries = Array.from({ length }, (_, number) => this.get(number));
    this.#ring = [...entries, ...Array.from<undefined>({ length })];
    this.#head = 0;
  }
}
