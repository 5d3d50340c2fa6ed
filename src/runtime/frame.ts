import { relative } from "node:path";
import { workingDirectory } from "./environment.ts";

/** One line of a stack that may lead across processes. */
export interface Frame {
  /** Name of the service whose process it is, when known. */
  service?: string;
  /** gRPC method that was served, `/common.Product/Get`. */
  method?: string;
  function: string;
  /** Path below the service's working directory, or absolute. */
  file: string;
  /** 1-based; 0 when unknown. */
  line: number;
}

const root = workingDirectory;

/** An unformatted stack: V8 formats it only when `stack` is read. */
export interface Capture {
  stack?: string;
}

/** Captures where `below` was called from. Costs about a microsecond; parsing waits for {@link framesOf}. */
export function capture(below: Function, depth = 1): Capture {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = depth;
  const holder: Capture = {};
  Error.captureStackTrace(holder, below);
  Error.stackTraceLimit = limit;
  return holder;
}

const linePattern = /^\s+at (?:async )?(?:(.+?) \()?(?:file:\/\/)?(\/[^()]*|[^()/][^()]*):(\d+):\d+\)?$/;

/** Frames of the team's own code in a V8 stack, innermost first; Node's and the runtime's own are left out. */
export function framesOf(stack: string | undefined, most: number): Frame[] {
  const frames: Frame[] = [];
  for (const line of (stack ?? "").split("\n")) {
    const match = linePattern.exec(line);
    if (match === null) continue;
    const [, name = "<anonymous>", file = "", number] = match;
    if (file.startsWith("node:") || isRuntime(file)) continue;
    frames.push({ function: cleanName(name), file: shorten(decodeURI(file)), line: Number(number) });
    if (frames.length === most) break;
  }
  return frames;
}

const own = new URL(".", import.meta.url).pathname;

function isRuntime(file: string): boolean {
  return file.startsWith(own) || file.includes("/node_modules/@grpc/") || file.includes("/node_modules/@bufbuild/");
}

function cleanName(name: string): string {
  return name.replace(/^(?:new |Object\.|Module\.)/, "").replace(/ \[as [^\]]+\]$/, "");
}

function shorten(file: string): string {
  const path = relative(root, file);
  return path.startsWith("..") ? file : path;
}

/** `product /common.Product/Get productGet (service/product/internal/product_get/product_get.ts:42)` */
export function formatFrame(frame: Frame): string {
  return `${frame.service ?? "-"} ${frame.method ?? "-"} ${frame.function} (${frame.file}:${frame.line})`;
}

/** Reads what {@link formatFrame} wrote; any other text becomes a frame whose function it is. */
export function parseFrame(text: string): Frame {
  const match = /^(\S+) (\S+) (.*) \((.*):(\d+)\)$/.exec(text);
  if (match === null) return { function: text, file: "", line: 0 };
  const [, service, method, name, file, line] = match as unknown as [string, string, string, string, string, string];
  return {
    function: name,
    file,
    line: Number(line),
    ...(service === "-" ? {} : { service }),
    ...(method === "-" ? {} : { method }),
  };
}

/** `product.ProductService.get:95`: the service (or the file's name) and the function with its line. */
export function shortFrame(frame: Frame): string {
  const place = frame.service ?? (frame.file.split("/").at(-1) ?? "").replace(/\.[cm]?[jt]s$/, "");
  return frame.line === 0 ? `${place}.${frame.function}` : `${place}.${frame.function}:${frame.line}`;
}
