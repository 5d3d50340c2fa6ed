export type EdgeLogLevel = "debug" | "info" | "warn" | "error";
export type EdgeLogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Takes one event of the edge: what happened, and its particulars by name. */
export type EdgeLog = (level: EdgeLogLevel, message: string, fields?: EdgeLogFields) => void;

const severity = { debug: 20, info: 30, warn: 40, error: 50 } as const;
const labels = { debug: "DEBU", info: "INFO", warn: "WARN", error: "ERRO" } as const;

export interface LineLogOptions {
  /** Takes one line, its newline included. */
  write: (line: string) => void;
  /** Events below it are dropped; what is no level counts as info. */
  level: string;
  format: "text" | "json";
  now: () => Date;
}

/** An EdgeLog that writes one line per event, in the form of the services' own logs. */
export function createLineLog({ write, level, format, now }: LineLogOptions): EdgeLog {
  const threshold = isLevel(level) ? severity[level] : level === "off" ? Number.POSITIVE_INFINITY : severity.info;
  const started = now().getTime();
  return (level, message, fields = {}) => {
    if (severity[level] < threshold) return;
    if (format === "json") {
      write(`${JSON.stringify({ time: now().toISOString(), level, msg: message, ...fields })}\n`);
      return;
    }
    const seconds = String(Math.floor((now().getTime() - started) / 1_000)).padStart(4, "0");
    const pairs = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${textValue(value)}`);
    write(`${`${labels[level]}[${seconds}] ${message.padEnd(40)} ${pairs.join(" ")}`.trimEnd()}\n`);
  };
}

function isLevel(name: string): name is EdgeLogLevel {
  return Object.hasOwn(severity, name);
}

/** A value must be able to forge neither a second line nor a second pair; JSON escapes both. */
function textValue(value: unknown): string {
  const text = String(value);
  return /^[\x21\x23-\x3c\x3e-\x7e]*$/.test(text) ? text : JSON.stringify(text);
}
