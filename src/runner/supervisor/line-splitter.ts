import { StringDecoder } from "node:string_decoder";

/** Longest line that is kept whole, in characters; a program that writes no line end must not fill the memory. */
const mostLineLength = 256 * 1024;

/** Cuts a stream of bytes into lines; characters that lie on two chunks stay whole. */
export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  readonly #take: (lines: string[]) => void;
  #rest = "";

  constructor(take: (lines: string[]) => void) {
    this.#take = take;
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > mostLineLength) {
      lines.push(this.#rest);
      this.#rest = "";
    }
    if (lines.length > 0) this.#take(lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line)));
  }

  /** Gives out the last line, which nothing ended. */
  end(): void {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = "";
    if (rest !== "") this.#take([rest]);
  }
}
