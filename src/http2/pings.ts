import type { Connection } from "./connection.ts";

/** Our PINGs that were not answered: RFC 9113 section 6.7. */
export class Pings {
  readonly #connection: Connection;
  readonly #waiting = new Map<number, () => void>();
  #last = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  send(acknowledged: () => void): void {
    this.#last = (this.#last + 1) >>> 0;
    this.#waiting.set(this.#last, acknowledged);
    this.#connection.sender.ping(this.#last);
  }

  /** False for an acknowledgement of nothing. */
  acknowledged(id: number): boolean {
    const acknowledged = this.#waiting.get(id);
    this.#waiting.delete(id);
    acknowledged?.();
    return acknowledged !== undefined;
  }

  clear(): void {
    this.#waiting.clear();
  }
}
