import type { IncomingMessage } from "node:http";
import { DecodeError, decodeObject, parseBody, type Shape } from "../go/decode.ts";
import { ApiError } from "./errors.ts";
import type { Query } from "./query.ts";

/** One request to an endpoint. */
export interface ApiRequest {
  method: string;
  /** What follows the endpoint's path, decoded. */
  rest: string;
  /** Path and the parameters that decide the answer; equal keys get equal answers. */
  cacheKey: string;
  query: Query;
  /** Reads the body. @throws ApiError 413 when it is longer than `limit` bytes, with `setting` in the sentence */
  body(limit?: { bytes: number; setting: string }): Promise<Buffer>;
  /** Calls back when the client goes before it has its answer; what comes back takes the callback out. */
  onGone(callback: () => void): () => void;
}

/** Collects a request's body. */
export async function readBody(message: IncomingMessage, limit?: { bytes: number; setting: string }): Promise<Buffer> {
  const announced = Number(message.headers["content-length"] ?? 0);
  if (limit !== undefined && announced > limit.bytes) throw tooLarge(announced, limit);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (limit !== undefined && size > limit.bytes) throw tooLarge(size, limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** Reads a JSON body. @throws ApiError 400 */
export async function jsonBody<T extends object>(
  request: ApiRequest,
  shape: Shape,
  options: { unknownFields?: "refuse" | "ignore" } = {},
): Promise<T> {
  return decodeJson(await request.body(), shape, options);
}

/** @throws ApiError 400 */
export function decodeJson<T extends object>(
  body: Buffer,
  shape: Shape,
  options: { unknownFields?: "refuse" | "ignore" } = {},
): T {
  try {
    return decodeObject<T>(parseBody(body.toString("utf8")), shape, options);
  } catch (error) {
    if (error instanceof DecodeError) throw new ApiError(400, `Request decode failed: ${error.message}`);
    throw error;
  }
}

function tooLarge(size: number, limit: { bytes: number; setting: string }): ApiError {
  return new ApiError(
    413,
    `Request body(${size} bytes) too large, max size: ${limit.bytes} bytes. ` +
      `See https://www.consul.io/docs/agent/config/config-files#${limit.setting}.`,
    { connection: "close" },
  );
}
