import { BdpEstimator } from "./bdp.ts";
import { defaultWindow, Setting } from "./constants.ts";
import type { Connection } from "./connection.ts";
import type { Limits } from "./limits.ts";
import type { Stream } from "./stream.ts";

/** Receive windows. The connection's is given back on arrival, a stream's when its bytes are consumed: a slow stream delays no other. */
export class ReceiveWindows {
  /** Window that new streams get: what our SETTINGS announced. */
  announced: number;
  readonly #connection: Connection;
  readonly #bdp: BdpEstimator;
  #window: number = defaultWindow;
  #size: number = defaultWindow;

  constructor(connection: Connection, limits: Limits) {
    this.#connection = connection;
    this.announced = limits.initialWindowBytes;
    this.#bdp = new BdpEstimator(Math.max(defaultWindow, limits.initialWindowBytes), limits.maxWindowBytes);
  }

  /** Opens the connection's window as far as the streams' may be; said once, after the first SETTINGS. */
  open(): void {
    this.#widen(this.#bdp.window * 4);
  }

  /** Counts a DATA frame, padding included; false when the peer ignored the connection's window. */
  arrived(bytes: number): boolean {
    this.#window -= bytes;
    if (this.#window < 0) return false;
    if (this.#window < this.#size / 2) this.#widen(this.#size);
    if (this.#bdp.received(bytes)) this.#connection.ping(() => this.#measured());
    return true;
  }

  #measured(): void {
    if (!this.#bdp.acknowledged()) return;
    this.#widen(Math.max(this.#size, this.#bdp.window * 2));
    this.#connection.sender.settings([[Setting.InitialWindowSize, this.#bdp.window]]);
    // The setting widens the streams that are open, too.
    for (const stream of this.#connection.streams.values()) stream.receiveWindow += this.#bdp.window - this.announced;
    this.announced = this.#bdp.window;
  }

  #widen(size: number): void {
    this.#connection.sender.windowUpdate(0, size - this.#window);
    this.#window = size;
    this.#size = size;
  }

  /** Gives a stream's window back in large steps, up to what the connection's bandwidth asks for. */
  giveBack(stream: Stream): void {
    if (this.#connection.closed) return;
    // With much unread the windows stay small: memory is bounded before speed.
    const size =
      this.#connection.unread > this.#connection.limits.maxUnreadBytes / 4 ? defaultWindow : this.#bdp.window;
    const increment = size - stream.receiveWindow - stream.unread;
    if (increment < size / 4) return;
    stream.receiveWindow += increment;
    this.#connection.sender.windowUpdate(stream.id, increment);
  }
}
