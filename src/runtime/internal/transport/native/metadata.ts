import { HeaderField } from "../../../../http2/index.ts";
import { Code } from "../../../code.ts";
import type { Headers, Status } from "../transport.ts";
import { FieldKind, kindOf } from "./field-kind.ts";

function isPrintable(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x20 || unit > 0x7e) return false;
  }
  return true;
}

/** Metadata names that were sent: in lower case. */
const sentNames = new Map<string, string>();
const mostNames = 1_000;

/** Undefined for those of the protocol's own. */
function nameOf(name: string): string | undefined {
  let lower = sentNames.get(name);
  if (lower === undefined) {
    lower = name.toLowerCase();
    if (isReserved(lower)) return undefined;
    if (sentNames.size < mostNames) sentNames.set(name, lower);
  }
  return lower;
}

/**
 * Fields for a call's metadata. Names of the protocol's own are left out; bytes go as base64 without padding.
 * @throws TypeError for a text value that is not printable ASCII
 */
export function toFields(headers: Headers): HeaderField[] {
  const fields: HeaderField[] = [];
  for (const [name, value] of headers) {
    const lower = nameOf(name);
    if (lower === undefined) continue;
    if (lower.endsWith("-bin")) {
      fields.push(
        new HeaderField(
          lower,
          Buffer.from(value as Uint8Array)
            .toString("base64")
            .replace(/=+$/, ""),
        ),
      );
      continue;
    }
    const text = String(value).trim();
    if (!isPrintable(text)) throw new TypeError(`metadata ${name} is not printable ASCII: name it ${name}-bin`);
    fields.push(new HeaderField(lower, text));
  }
  return fields;
}

function isReserved(name: string): boolean {
  if (name.startsWith(":")) return true;
  return (name.startsWith("grpc-") && name !== "grpc-status-details-bin") || protocolNames.has(name);
}

const protocolNames = new Set(["te", "content-type", "user-agent", "content-length", "connection"]);
/** Metadata of received fields, in their order. */
export function toHeaders(fields: readonly HeaderField[]): Headers {
  const headers: [string, string | Uint8Array][] = [];
  for (const field of fields) {
    const kind = kindOf(field);
    if (kind === FieldKind.Text) headers.push([field.name, field.value]);
    else if (kind === FieldKind.Binary)
      for (const part of field.value.split(",")) headers.push([field.name, Buffer.from(part.trim(), "base64")]);
  }
  return headers;
}

export function find(fields: readonly HeaderField[], name: string): string | undefined {
  for (const field of fields) if (field.name === name) return field.value;
  return undefined;
}

/** The status that trailers tell; undefined without one. */
export function statusOf(fields: readonly HeaderField[]): Status | undefined {
  const code = find(fields, "grpc-status");
  if (code === undefined) return undefined;
  const message = decodeMessage(find(fields, "grpc-message") ?? "");
  return { code: /^\d{1,3}$/.test(code) ? Number(code) : Code.Unknown, message };
}

export function statusFields({ code, message }: Status): HeaderField[] {
  const status = code === Code.Ok ? okStatus : new HeaderField("grpc-status", String(code));
  return message === "" ? [status] : [status, new HeaderField("grpc-message", encodeMessage(message))];
}

const okStatus = new HeaderField("grpc-status", "0");

function encodeMessage(message: string): string {
  return message
    .toWellFormed()
    .replace(/[^\x20-\x24\x26-\x7e]+|^ | $/g, (text) =>
      Buffer.from(text).reduce((all, byte) => `${all}%${byte.toString(16).toUpperCase().padStart(2, "0")}`, ""),
    );
}

function decodeMessage(text: string): string {
  if (!text.includes("%")) return text;
  return Buffer.from(
    text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  ).toString();
}

const units: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1 / 1_000,
  n: 1 / 1_000_000,
};

/** Ms of a `grpc-timeout`; undefined for what is none. */
export function parseTimeout(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (units[unit as string] as number);
}

/** `grpc-timeout` of so many ms: at most eight digits. */
export function formatTimeout(ms: number): string {
  const whole = Math.max(1, Math.ceil(ms));
  if (whole < 100_000_000) return `${whole}m`;
  const seconds = Math.ceil(whole / 1_000);
  return seconds < 100_000_000 ? `${seconds}S` : `${Math.ceil(seconds / 3_600)}H`;
}

/** https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md */
export function codeOfHttp(status: number): number {
  const known: Readonly<Record<number, number>> = {
    400: Code.Internal, 401: Code.Unauthenticated, 403: Code.PermissionDenied, 404: Code.Unimplemented,
    429: Code.Unavailable, 431: Code.ResourceExhausted, 502: Code.Unavailable, 503: Code.Unavailable, 504: Code.Unavailable,
  }; // prettier-ignore
  return known[status] ?? Code.Unknown;
}

/** The status of a stream that was reset, by the specification's table. */
export function codeOfReset(code: number): number {
  const known: Readonly<Record<number, number>> = {
    7: Code.Unavailable, 8: Code.Cancelled, 11: Code.ResourceExhausted, 12: Code.PermissionDenied,
  }; // prettier-ignore
  return known[code] ?? Code.Internal;
}
