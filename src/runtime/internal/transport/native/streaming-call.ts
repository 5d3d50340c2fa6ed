import type { Stream } from "../../../../http2/index.ts";
import type { ClientCall, Outcome, Status } from "../transport.ts";
import { ClientStream, type CallSetup } from "./client-stream.ts";
import { Inbox } from "./inbox.ts";
import { MessageReader, tooLarge, unpack, writeMessage } from "./messages.ts";

/** A call of any number of messages either way. */
export class StreamingCall extends ClientStream implements ClientCall {
  readonly outcome: Promise<Outcome>;
  readonly messages: Inbox = new Inbox({ left: () => this.cancel(), unpack: (message) => this.#unpack(message) });
  readonly #mostBytes: number;
  readonly #reader: MessageReader;
  #resolve!: (outcome: Outcome) => void;
  /** What was asked for before the stream began. */
  #early: (() => void)[] | undefined = [];
  #writers: (() => void)[] = [];

  constructor(setup: CallSetup, mostBytes: number) {
    super(setup);
    this.#mostBytes = mostBytes;
    this.#reader = new MessageReader(mostBytes, (message, held, packed) => this.messages.add(message, held, packed));
    this.outcome = new Promise((resolve) => (this.#resolve = resolve));
    this.watch();
  }

  protected override begin(stream: Stream): void {
    this.messages.stream = stream;
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const act of early) act();
  }

  write(message: Uint8Array): Promise<void> {
    if (this.over) return done;
    if (message.length > this.#mostBytes) {
      const { code, message: text } = tooLarge(this.#mostBytes);
      this.fail(code, text);
      return done;
    }
    if (this.stream === undefined)
      return new Promise((resolve) => this.#early?.push(() => void this.write(message).then(resolve)));
    if (writeMessage(this.stream, message, { gzipFrom: this.gzipFrom, end: false })) return done;
    return new Promise((resolve) => this.#writers.push(resolve));
  }

  end(): void {
    if (this.over) return;
    if (this.stream === undefined) this.#early?.push(() => this.end());
    else this.stream.write(nothing, true);
  }

  #unpack(message: Uint8Array): Uint8Array | undefined {
    const unpacked = unpack(message, this.#mostBytes);
    if (!("code" in unpacked)) return unpacked;
    this.fail(unpacked.code, unpacked.message);
    return undefined;
  }

  protected override take(chunk: Buffer): Status | undefined {
    this.#reader.encoding = this.encoding ?? "identity";
    return this.#reader.push(this.stream as Stream, chunk);
  }

  protected override incomplete(): string | undefined {
    return this.#reader.complete ? undefined : "the answer ended inside a message";
  }

  override writable(): void {
    const writers = this.#writers;
    if (writers.length === 0) return;
    this.#writers = [];
    for (const resolve of writers) resolve();
  }

  protected override ended(outcome: Outcome): void {
    this.messages.end();
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const act of early) act();
    this.writable();
    this.#resolve(outcome);
  }
}

const nothing = Buffer.alloc(0);
const done = Promise.resolve();
