const nanoseconds: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** Parses a Go duration (`1m30s`, `1.5h`, `-10ms`, `0`) to nanoseconds; undefined when it is none. */
export function parseDuration(text: string): bigint | undefined {
  const sign = text.startsWith("-") ? -1n : 1n;
  const rest = text.replace(/^[+-]/, "");
  if (rest === "0") return 0n;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) return undefined;
  let total = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of rest.matchAll(/(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)/g)) {
    const scale = nanoseconds[unit] ?? 0n;
    total += BigInt(whole || "0") * scale;
    if (fraction !== "") total += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  return sign * total;
}

/** Writes nanoseconds the way Go does: `1m0s`, `1.5s`, `100ms`, `0s`. */
export function formatDuration(value: bigint): string {
  if (value === 0n) return "0s";
  const sign = value < 0n ? "-" : "";
  const ns = value < 0n ? -value : value;
  for (const unit of ["ns", "µs", "ms"] as const) {
    const scale = nanoseconds[unit] ?? 1n;
    if (ns < scale * 1_000n) return `${sign}${decimal(ns, scale)}${unit}`;
  }
  const minute = 60_000_000_000n;
  const hours = ns / (60n * minute);
  const minutes = (ns / minute) % 60n;
  const seconds = `${decimal(ns % minute, 1_000_000_000n)}s`;
  if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0n ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

function decimal(value: bigint, scale: bigint): string {
  const fraction = (value % scale)
    .toString()
    .padStart(scale.toString().length - 1, "0")
    .replace(/0+$/, "");
  return fraction === "" || scale === 1n ? `${value / scale}` : `${value / scale}.${fraction}`;
}

/** Milliseconds of a duration in nanoseconds, for timers. */
export function toMilliseconds(value: bigint): number {
  return Number(value) / 1e6;
}
