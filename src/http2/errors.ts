import type { HeaderField } from "./hpack/field.ts";

/** Ends the connection: RFC 9113 section 5.4.1. */
export class ConnectionError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Ends one stream: RFC 9113 section 5.4.2. */
export class StreamError extends Error {
  readonly streamId: number;
  readonly code: number;

  constructor(streamId: number, code: number, message: string) {
    super(message);
    this.streamId = streamId;
    this.code = code;
  }
}

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
