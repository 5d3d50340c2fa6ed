import busboy from "@fastify/busboy";
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { IncomingMessage } from "node:http";
import { Code } from "../../code.ts";
import { RpcError } from "../../error.ts";

/** Where an upload goes in a message: its `bytes` field, and fields of these names for the file's name and type. */
interface UploadFields {
  data: DescField;
  name: DescField | undefined;
  type: DescField | undefined;
}

/** Values of one message: text fields of the form, the file's name and type with the first piece, and bytes. */
export type UploadPart = Record<string, string | Uint8Array>;

function uploadFields(schema: DescMessage): UploadFields {
  const data = schema.fields.find((field) => field.fieldKind === "scalar" && field.scalar === 12);
  if (data === undefined)
    throw new RpcError(Code.Internal, `${schema.typeName} takes an upload, but has no field of type bytes`);
  const named = (...names: readonly string[]) => schema.fields.find((field) => names.includes(field.name));
  return { data, name: named("filename", "file_name", "name"), type: named("content_type", "mime_type") };
}

/**
 * Reads a multipart upload as a stream of messages, a piece of the file each, as fast as they are taken: the fields of
 * the form and the file's name and type stand in the first one. Form fields must precede the file, as RFC 7578 lets
 * senders choose.
 */
export async function* readUpload(
  request: IncomingMessage,
  schema: DescMessage,
): AsyncGenerator<UploadPart, void, undefined> {
  const fields = uploadFields(schema);
  if (!/^multipart\/form-data\b/i.test(request.headers["content-type"] ?? "")) {
    throw new RpcError(Code.InvalidArgument, "an upload is sent as multipart/form-data", { reason: "NOT_MULTIPART" });
  }
  const form: UploadPart = {};
  const { promise: file, resolve, reject } = Promise.withResolvers<NodeJS.ReadableStream | undefined>();
  const failed = (error: unknown) =>
    reject(
      new RpcError(
        Code.InvalidArgument,
        `the form is broken: ${error instanceof Error ? error.message : String(error)}`,
        { reason: "BAD_FORM" },
      ),
    );
  const parser = new busboy.Busboy({
    headers: request.headers as { "content-type": string },
    limits: { files: 1, fieldSize: 64 * 1024, fields: 100 },
  });
  parser.on("field", (name, value) => {
    const field = schema.fields.find((candidate) => candidate.name === name || candidate.jsonName === name);
    if (field !== undefined) form[field.localName] = value;
  });
  parser.on("file", (...[, stream, filename, , mimetype]) => {
    if (fields.name !== undefined && filename !== undefined) form[fields.name.localName] = filename;
    if (fields.type !== undefined) form[fields.type.localName] = mimetype;
    resolve(stream);
  });
  parser.on("finish", () => resolve(undefined)).on("error", failed);
  request.once("error", failed).once("aborted", () => failed("the sender went away"));
  request.pipe(parser);
  const stream = await file;
  let first = true;
  for await (const chunk of stream ?? []) {
    yield { ...(first ? form : {}), [fields.data.localName]: chunk as unknown as Uint8Array };
    first = false;
  }
  if (first) yield form;
}

/** A whole upload as one message. @throws RpcError with reason BODY_TOO_LARGE beyond `mostBytes` */
export async function readWholeUpload(
  request: IncomingMessage,
  schema: DescMessage,
  mostBytes: number,
): Promise<UploadPart> {
  const { data } = uploadFields(schema);
  const chunks: Uint8Array[] = [];
  let length = 0;
  let message: UploadPart = {};
  for await (const part of readUpload(request, schema)) {
    const { [data.localName]: bytes, ...rest } = part;
    message = { ...message, ...rest };
    if (!(bytes instanceof Uint8Array)) continue;
    length += bytes.length;
    if (length > mostBytes)
      throw new RpcError(Code.InvalidArgument, `the file is larger than ${mostBytes} bytes`, {
        reason: "BODY_TOO_LARGE",
      });
    chunks.push(bytes);
  }
  return { ...message, [data.localName]: Buffer.concat(chunks) };
}
