import { Metadata } from "@grpc/grpc-js";
import type { Headers } from "../transport.ts";

export function toMetadata(headers: Headers): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of headers) metadata.add(name, typeof value === "string" ? value : Buffer.from(value));
  return metadata;
}

export function fromMetadata(metadata: Metadata | undefined): Headers {
  if (metadata === undefined) return [];
  return Object.keys(metadata.getMap()).flatMap((name) => metadata.get(name).map((value) => [name, value] as const));
}

export const asBytes = (message: Uint8Array): Buffer =>
  Buffer.from(message.buffer, message.byteOffset, message.byteLength);
export const unchanged = (message: Buffer): Buffer => message;
