import { environment, writeLog } from "./environment.ts";

const levels = { debug: 20, info: 30, warn: 40, error: 50, off: 100 } as const;
export type LogLevel = keyof typeof levels;

const started = performance.now();
let threshold: number = isLevel(environment.logLevel) ? levels[environment.logLevel] : levels.info;

function isLevel(name: string): name is LogLevel {
  return Object.hasOwn(levels, name);
}

/** Changes the level at run time. */
export function setLogLevel(level: LogLevel): void {
  threshold = levels[level];
}

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** A logger whose lines carry `bound()` too, asked only when a line is written. */
export function createLogger(bound: () => LogFields): Logger {
  const at =
    (level: Exclude<LogLevel, "off">) =>
    (message: string, fields: LogFields = {}): void => {
      if (levels[level] >= threshold) write(level, message, { ...bound(), ...fields });
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

const labels = { debug: "DEBU", info: "INFO", warn: "WARN", error: "ERRO" } as const;

function write(level: Exclude<LogLevel, "off">, message: string, fields: LogFields): void {
  if (environment.logFormat === "json") {
    writeLog(`${JSON.stringify({ time: new Date().toISOString(), level, msg: message, ...fields }, jsonSafe)}\n`);
    return;
  }
  const seconds = String(Math.floor((performance.now() - started) / 1_000)).padStart(4, "0");
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${textValue(value)}`);
  writeLog(
    `${`${labels[level]}[${seconds}] ${oneLine(message).padEnd(40)}`} ${pairs.join(" ")}`.trimEnd().concat("\n"),
  );
}

function textValue(value: unknown): string {
  const text = oneLine(typeof value === "string" ? value : (JSON.stringify(value, jsonSafe) ?? ""));
  return /[\s"=]/.test(text) && !text.endsWith(";") ? JSON.stringify(text) : text;
}

/** A message must not be able to forge a second line. */
function oneLine(text: string): string {
  return text
    .replaceAll("\\", "\\\\")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\u001b", "\\x1b")
    .replaceAll("\\\\", "\\");
}

function jsonSafe(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
