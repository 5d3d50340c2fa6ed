import { median, type Sample } from "./measure.ts";

/** A Markdown table of samples: medians, spread, and each beside `baseline`. */
export function comparison(samples: readonly Sample[], baseline: string): string {
  const base = median(samples.find(({ name }) => name === baseline)?.times ?? []);
  const rows = samples.map(({ name, times }) => {
    const middle = median(times);
    const beside = name === baseline ? ["", ""] : [`${signed(middle - base)}`, `${(middle / base).toFixed(2)} ×`];
    return [name, duration(middle), `${duration(Math.min(...times))} – ${duration(Math.max(...times))}`, ...beside];
  });
  return markdownTable(["", "median", "least – most", `beside ${baseline}`, "ratio"], rows);
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** `38 ms`, `4.12 s`. */
export function duration(ms: number): string {
  return Math.abs(ms) < 1_000 ? `${ms.toFixed(ms < 100 ? 1 : 0)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}

function signed(ms: number): string {
  return `${ms < 0 ? "−" : "+"}${duration(Math.abs(ms))}`;
}
