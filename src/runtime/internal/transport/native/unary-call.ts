import type { Stream } from "../../../../http2/index.ts";
import { Code } from "../../../code.ts";
import type { Outcome, Status, UnaryOutcome } from "../transport.ts";
import { ClientStream, type CallSetup } from "./client-stream.ts";
import { isWholeMessage, MessageReader, tooLarge, unpack, writeMessage } from "./messages.ts";

/** One request, one answer: no iterators, and no reader while the answer lies whole in one chunk. */
export class UnaryCall extends ClientStream {
  readonly outcome: Promise<UnaryOutcome>;
  readonly #request: Uint8Array;
  readonly #mostBytes: number;
  #resolve!: (outcome: UnaryOutcome) => void;
  #reader: MessageReader | undefined;
  #response: Uint8Array | undefined;
  #count = 0;
  #packed = false;

  constructor(setup: CallSetup, request: Uint8Array, mostBytes: number) {
    super(setup);
    this.#request = request;
    this.#mostBytes = mostBytes;
    this.outcome = new Promise((resolve) => (this.#resolve = resolve));
    if (request.length > mostBytes) {
      const { code, message } = tooLarge(mostBytes);
      this.fail(code, message);
    } else this.watch();
  }

  protected override begin(stream: Stream): void {
    writeMessage(stream, this.#request, { gzipFrom: this.gzipFrom, end: true });
  }

  protected override take(chunk: Buffer): Status | undefined {
    if (this.#reader === undefined && isWholeMessage(chunk, this.#mostBytes)) {
      this.#count++;
      this.#response = chunk.subarray(5);
      this.stream?.consume(chunk.length);
      return undefined;
    }
    if (this.#reader === undefined) {
      this.#reader = new MessageReader(this.#mostBytes, (message, held, packed) => {
        this.#count++;
        this.#response = message;
        this.#packed = packed;
        this.stream?.consume(held);
      });
      this.#reader.encoding = this.encoding ?? "identity";
    }
    return this.#reader.push(this.stream as Stream, chunk);
  }

  protected override incomplete(): string | undefined {
    if (this.#reader?.complete === false) return "the answer ended inside a message";
    if (this.#count === 1) return undefined;
    return `the server sent ${this.#count === 0 ? "no answer" : `${this.#count} answers to one request`}`;
  }

  override writable(): void {}

  protected override ended({ code, message, trailers, unprocessed }: Outcome): void {
    let response = code === Code.Ok ? this.#response : undefined;
    if (response !== undefined && this.#packed) {
      const unpacked = unpack(response, this.#mostBytes);
      if ("code" in unpacked) return this.#resolve({ ...unpacked, trailers, unprocessed, response: undefined });
      response = unpacked;
    }
    this.#resolve({ code, message, trailers, unprocessed, response });
  }
}
