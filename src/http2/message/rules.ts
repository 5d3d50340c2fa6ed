import type { HeaderField } from "../hpack/field.ts";

/*
 * What RFC 9113 section 8 asks of fields. What is found out about a field is noted in it, so that a field which the
 * peer has indexed is looked at once.
 */
const invalid = -1;
const regular = 1;
const trailersOnly = 2;
const contentLength = 3;
/** Pseudo-header fields are powers of two from here on. */
const method = 8;
const scheme = 16;
const authority = 32;
const path = 64;
const status = 128;
const connectMethod = 256;

const known = new Map<string, number>([
  [":method", method],
  [":scheme", scheme],
  [":authority", authority],
  [":path", path],
  [":status", status],
  ["te", trailersOnly],
  ["content-length", contentLength],
  ["connection", invalid],
  ["keep-alive", invalid],
  ["proxy-connection", invalid],
  ["transfer-encoding", invalid],
  ["upgrade", invalid],
]);

const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const mostNames = 1_000;

/** Names that were looked at. */
const tokens = new Set<string>();

function isToken(name: string): boolean {
  if (tokens.has(name)) return true;
  if (!token.test(name)) return false;
  if (tokens.size < mostNames) tokens.add(name);
  return true;
}

/** Octets without CR, LF and NUL. */
function isOctets(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const unit = value.charCodeAt(index);
    if (unit > 0xff || unit === 13 || unit === 10 || unit === 0) return false;
  }
  return true;
}

function isBlank(unit: number): boolean {
  return unit === 32 || unit === 9;
}

function isValue(value: string): boolean {
  if (value.length === 0) return true;
  if (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1))) return false;
  return isOctets(value);
}

function judge(field: HeaderField): number {
  return field.verdict === 0 ? (field.verdict = look(field)) : field.verdict;
}

function look({ name, value }: HeaderField): number {
  const kind = known.get(name) ?? (isToken(name) ? regular : invalid);
  if (!isValue(value)) return invalid;
  switch (kind) {
    case trailersOnly:
      return value === "trailers" ? regular : invalid;
    case contentLength:
      return /^\d{1,15}$/.test(value) ? contentLength : invalid;
    case method:
      return value === "" ? invalid : value === "CONNECT" ? method | connectMethod : method;
    case path:
      return value.startsWith("/") || value === "*" ? path : invalid;
    case status:
      return /^[1-9]\d\d$/.test(value) ? status : invalid;
    default:
      return kind;
  }
}

export interface Checked {
  /** Why the message is malformed; undefined for a good one. */
  fault: string | undefined;
  /** -1 without one. */
  contentLength: number;
  /** Of a response; 0 otherwise. */
  status: number;
}

const checked: Checked = { fault: undefined, contentLength: -1, status: 0 };

/** Checks a received list. The result is valid until the next call. */
export function checkFields(fields: readonly HeaderField[], kind: "request" | "response" | "trailers"): Checked {
  checked.fault = undefined;
  checked.contentLength = -1;
  checked.status = 0;
  let seen = 0;
  let pseudoOver = false;
  for (const field of fields) {
    const verdict = judge(field);
    if (verdict < 0) return malformed(`the field ${JSON.stringify(field.name)} is not allowed or not well-formed`);
    if (verdict < method) {
      pseudoOver = true;
      if (verdict === contentLength) {
        const length = Number(field.value);
        if (checked.contentLength >= 0 && checked.contentLength !== length)
          return malformed("two different content-length");
        checked.contentLength = length;
      }
    } else {
      if (pseudoOver) return malformed(`${field.name} after other fields`);
      if ((seen & verdict & (connectMethod - 1)) !== 0) return malformed(`${field.name} twice`);
      seen |= verdict;
      if (verdict === status) checked.status = Number(field.value);
    }
  }
  const fault = faultOf(seen, kind);
  return fault === undefined ? checked : malformed(fault);
}

function faultOf(seen: number, kind: "request" | "response" | "trailers"): string | undefined {
  if (kind === "trailers") return seen === 0 ? undefined : "trailers with pseudo-header fields";
  if (kind === "response")
    return seen === status ? undefined : "a response is :status and no other pseudo-header field";
  if (seen & status) return "a request with :status";
  if (seen & connectMethod)
    return (seen & (scheme | path | authority)) === authority ? undefined : "CONNECT is :method and :authority";
  return (seen & (method | scheme | path)) === (method | scheme | path)
    ? undefined
    : "a request without :method, :scheme or :path";
}

function malformed(fault: string): Checked {
  checked.fault = fault;
  return checked;
}

/** @throws TypeError for fields that no peer would take, or that would not arrive as they are */
export function checkOutgoing(fields: readonly HeaderField[]): void {
  for (const field of fields) {
    if (field.verdict === 0 && !isOctets(field.value))
      throw new TypeError(`the value of ${field.name} holds what no header field can: only octets, no CR, LF or NUL`);
    if (judge(field) < 0) throw new TypeError(`${JSON.stringify(field.name)} cannot be sent as a header field`);
  }
}
