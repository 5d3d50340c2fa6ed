import { readFileSync } from "node:fs";
import { Session, type Profiler } from "node:inspector";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const measured = "src/http2/";

/** Lines of src/http2 that ran, by V8's own count, from its making on. Loading the modules does not count. */
export class Coverage {
  readonly #session: Session = new Session();

  constructor() {
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** A line per file: share of lines reached, and the numbers of those that were not. */
  report(): string {
    let result: Profiler.ScriptCoverage[] = [];
    this.#session.post("Profiler.takePreciseCoverage", (_error, coverage) => (result = coverage.result));
    let all = 0;
    let reached = 0;
    const lines = result
      .filter(({ url }) => url.startsWith("file:") && relative(root, fileURLToPath(url)).startsWith(measured))
      .map(({ url, functions }) => {
        const { missed, count } = missedLines(readFileSync(fileURLToPath(url), "utf8"), functions);
        all += count;
        reached += count - missed.length;
        const share = `${((100 * (count - missed.length)) / count).toFixed(0)} %`.padStart(6);
        return `${share}  ${relative(root, fileURLToPath(url))}  ${missed.join(" ")}`.trimEnd();
      });
    return [...lines.sort(), `${((100 * reached) / all).toFixed(1)} % of ${all} lines of ${measured}`].join("\n");
  }
}

function missedLines(source: string, functions: readonly Profiler.FunctionCoverage[]) {
  const missed: number[] = [];
  let count = 0;
  let at = 0;
  for (const [index, line] of source.split("\n").entries()) {
    const start = at + line.length - line.trimStart().length;
    at += line.length + 1;
    if (!/^[^/*].*[\w)]/.test(line.trim())) continue;
    count++;
    // Inner ranges come after those that hold them.
    let ran = true;
    for (const { ranges } of functions)
      for (const range of ranges) if (range.startOffset <= start && start < range.endOffset) ran = range.count > 0;
    if (!ran) missed.push(index + 1);
  }
  return { missed, count };
}
