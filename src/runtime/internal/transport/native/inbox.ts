import type { Stream } from "../../../../http2/index.ts";

interface Item {
  message: Uint8Array;
  held: number;
  /** It is compressed. */
  packed: boolean;
}

export interface InboxEvents {
  /** The reader stopped before the end. */
  left?(): void;
  /** Takes a message out of its compression; undefined when the call ended for it. */
  unpack(message: Uint8Array): Uint8Array | undefined;
}

/** Memory that a message takes beside its bytes, about. */
const itemBytes = 200;

type Result = IteratorResult<Uint8Array, undefined>;

const over: Result = { value: undefined, done: true };

/**
 * Messages that came and were not read, still compressed if they are: what is not read costs what it held of the
 * window. That is given back when its reader takes it. One reader at a time: it is its own iterator, which spares a
 * generator's promises.
 */
export class Inbox implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined> {
  stream: Stream | undefined;
  #items: Item[] = [];
  #at = 0;
  readonly #events: InboxEvents;
  #ended = false;
  #wake: ((result: Result) => void) | undefined;

  constructor(events: InboxEvents) {
    this.#events = events;
  }

  add(message: Uint8Array, held: number, packed: boolean): void {
    const wake = this.#wake;
    if (wake === undefined) {
      // What the window does not hold any more has to be read before more comes, and a message costs more than its bytes.
      const cost = itemBytes + (held === 0 ? message.length : 0);
      this.stream?.retain(cost);
      return void this.#items.push({ message, held: held + cost, packed });
    }
    this.#wake = undefined;
    this.#consume(held);
    wake(this.#result(message, packed));
  }

  #result(message: Uint8Array, packed: boolean): Result {
    const value = packed ? this.#events.unpack(message) : message;
    return value === undefined ? over : { value, done: false };
  }

  end(): void {
    this.#ended = true;
    this.#wake?.(over);
    this.#wake = undefined;
  }

  #consume(held: number): void {
    if (held > 0 && this.stream?.closed === false) this.stream.consume(held);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    const item = this.#items[this.#at];
    if (item === undefined) {
      if (this.#ended) return Promise.resolve(over);
      return new Promise((resolve) => (this.#wake = resolve));
    }
    // Those that were read go many at once, so that a long queue is not moved for each.
    if (++this.#at === this.#items.length || this.#at === 64) {
      this.#items.splice(0, this.#at);
      this.#at = 0;
    }
    this.#consume(item.held);
    return Promise.resolve(this.#result(item.message, item.packed));
  }

  return(): Promise<Result> {
    if (!this.#ended || this.#at < this.#items.length) this.#events.left?.();
    this.#items = [];
    this.#at = 0;
    return Promise.resolve(over);
  }
}
