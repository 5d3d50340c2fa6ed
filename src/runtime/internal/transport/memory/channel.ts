/** Messages from one side of a call to the other, at most a few under way. */
export class Channel {
  readonly #items: Uint8Array[] = [];
  #ended = false;
  #taken = Promise.withResolvers<void>();
  #given = Promise.withResolvers<void>();

  /** Resolves when there is room again, or when nobody reads any more. */
  async write(item: Uint8Array): Promise<void> {
    if (this.#ended) return;
    this.#items.push(item);
    this.#given.resolve();
    while (this.#items.length > 4 && !this.#ended) await this.#taken.promise;
  }

  end(): void {
    this.#ended = true;
    this.#given.resolve();
    this.#taken.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) {
        this.#taken.resolve();
        this.#taken = Promise.withResolvers();
        yield item;
      } else if (this.#ended) {
        return;
      } else {
        await this.#given.promise;
        this.#given = Promise.withResolvers();
      }
    }
  }
}
