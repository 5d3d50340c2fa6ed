import type { HeaderField } from "./hpack/field.ts";
import type { Stream } from "./stream.ts";

/** How a stream ended. */
export interface StreamEnd {
  /** NO_ERROR when both sides finished. */
  code: number;
  message: string;
  /** The peer ended it, or the connection broke. */
  remote: boolean;
  /** The peer has certainly not acted on it (REFUSED_STREAM, GOAWAY): it may be repeated. */
  unprocessed: boolean;
}

/** How a connection ended. */
export interface ConnectionEnd {
  code: number;
  message: string;
  /** The peer ended it. */
  remote: boolean;
}

/** What GOAWAY said. */
export interface GoAway {
  lastStreamId: number;
  code: number;
  /** Additional debug data as text, at most 1 KiB of it. */
  debug: string;
}

export type HeadersKind = "headers" | "informational" | "trailers";

/** Hears of one stream. Chunks are views on what was read: nobody else writes there. */
export interface StreamEvents {
  headers(fields: readonly HeaderField[], end: boolean, kind: HeadersKind): void;
  /** The receiver gives the window back with `stream.consume(chunk.length)` when it is done with the bytes. */
  data(chunk: Buffer, end: boolean): void;
  /** All that was written has gone out. */
  writable(): void;
  /** The last event, exactly once. */
  closed(end: StreamEnd): void;
}

/** Hears of one connection. */
export interface ConnectionEvents {
  /** Server role: a request came. Returns who hears of its stream; its header list is not told again. */
  request?(stream: Stream, fields: readonly HeaderField[], end: boolean): StreamEvents;
  /** The peer's first SETTINGS came, or it changed how many streams it takes. */
  ready?(): void;
  /** The peer takes no new streams; those it began go on. */
  draining?(goAway: GoAway): void;
  /** A stream ended: there is room for another. */
  streamClosed?(): void;
  /** A PING of the peer came; throw a ConnectionError to refuse it. */
  pinged?(): void;
  /** The last event, exactly once. */
  closed?(end: ConnectionEnd): void;
}
