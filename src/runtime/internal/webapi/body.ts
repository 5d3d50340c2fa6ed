import type { JsonValue } from "@bufbuild/protobuf";
import type { IncomingMessage } from "node:http";
import { Code } from "../../code.ts";
import { RpcError } from "../../error.ts";

/** Reads a JSON body; an empty one is `{}`. @throws RpcError INVALID_ARGUMENT, with reason BODY_TOO_LARGE beyond `mostBytes` */
export async function readJsonBody(request: IncomingMessage, mostBytes: number): Promise<JsonValue> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > mostBytes)
      throw new RpcError(Code.InvalidArgument, `the body is larger than ${mostBytes} bytes`, {
        reason: "BODY_TOO_LARGE",
      });
    chunks.push(chunk);
  }
  if (length === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as JsonValue;
  } catch (error) {
    throw new RpcError(
      Code.InvalidArgument,
      `the body is not valid JSON: ${error instanceof Error ? error.message : String(error)}`,
      { reason: "BAD_JSON" },
    );
  }
}
