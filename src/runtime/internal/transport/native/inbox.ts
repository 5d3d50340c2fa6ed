import type { Stream } from "../../../../http2/index.ts";

/** Messages that came and were not read. The window of each is given back when its reader takes it. */
export class Inbox implements AsyncIterable<Uint8Array> {
  stream: Stream | undefined;
  readonly #items: { message: Uint8Array; held: number }[] = [];
  readonly #left: () => void;
  #ended = false;
  #wake: (() => void) | undefined;

  /** `left` is called when the reader stops before the end. */
  constructor(left: () => void) {
    this.#left = left;
  }

  add(message: Uint8Array, held: number): void {
    this.#items.push({ message, held });
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    let over = false;
    try {
      for (;;) {
        const item = this.#items.shift();
        if (item !== undefined) {
          if (item.held > 0 && this.stream?.closed === false) this.stream.consume(item.held);
          yield item.message;
        } else if (this.#ended) {
          over = true;
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
          this.#wake = undefined;
        }
      }
    } finally {
      if (!over) this.#left();
    }
  }
}
