/** A transfer below this many bytes in a third of the timeout is a trickle, as with npm's registry. */
const leastBytes = 512;
/** For how many timeouts a remote's own words count when nothing else moves: hooks of a forge may take their time. */
const wordsCountFor = 10;

const units: Readonly<Record<string, number>> = { bytes: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/**
 * Tells from what git prints (`--progress`) whether a remote still works. Counters that grow and transfers that are no
 * trickle are signs of life; other lines are for a while; parts of lines never are.
 */
export class SignOfLife {
  readonly #timeoutMs: number;
  readonly #onSilence: () => void;
  readonly #counters = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #moved = performance.now();
  #rest = "";

  /** @param onSilence called once, after `timeoutMs` without a sign */
  constructor(timeoutMs: number, onSilence: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#onSilence = onSilence;
    this.#restart();
  }

  /** Takes what git writes to stderr. */
  read(chunk: string): void {
    const lines = `${this.#rest}${chunk}`.split(/[\r\n]+/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }

  /** Takes that an answer arrives. */
  answer(): void {
    this.#moved = performance.now();
    this.#restart();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #restart(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onSilence, this.#timeoutMs);
  }

  #line(line: string): void {
    const progress = /^(?:remote: )?(\w[^:]*): +(?:\d+% \()?(\d+)/.exec(line);
    if (progress === null) {
      if (performance.now() - this.#moved < wordsCountFor * this.#timeoutMs) this.#restart();
      return;
    }
    const [, title = "", count = ""] = progress;
    const rate = /\| ([\d.]+) (bytes|KiB|MiB|GiB)\/s/.exec(line);
    const bytesPerSecond = rate === null ? 0 : Number(rate[1]) * (units[rate[2] as string] as number);
    const grows = Number(count) > (this.#counters.get(title) ?? -1);
    if (grows) this.#counters.set(title, Number(count));
    if (grows || bytesPerSecond * (this.#timeoutMs / 3_000) >= leastBytes) this.answer();
  }
}
