/** Result of a command that has shown everything as it came: for the frame a stream that is over. */
export class Followed implements AsyncIterable<never> {
  readonly exitCode: number;

  constructor(exitCode: number) {
    this.exitCode = exitCode;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<never, void, undefined> {}
}
