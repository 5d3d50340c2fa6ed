import { create, createFileRegistry, fromBinary, toBinary, type FileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, type FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { Code } from "../../code.ts";
import { RpcError } from "../../error.ts";
import {
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "../../proto/grpc/reflection/v1/reflection_pb.ts";
import { decodeError } from "../status-details.ts";
import type { CallOptions, ClientCall, Connection } from "../transport/transport.ts";

/** v1, and its older name, which many servers speak alone: the messages are the same on the wire. */
const versions = ["grpc.reflection.v1", "grpc.reflection.v1alpha"] as const;

type Question = ServerReflectionRequest["messageRequest"];
type Reply = ServerReflectionResponse["messageResponse"];

/** A server's descriptors, asked for by grpc.reflection. */
export interface Reflected {
  /** Names of the proto services. */
  services: string[];
  /** Their files with everything these import. */
  registry: FileRegistry;
}

/**
 * Asks a server for its services, or only for those that hold `symbols`.
 * @throws RpcError UNIMPLEMENTED when it has no reflection, NOT_FOUND for a symbol it does not know
 */
export async function reflect(
  connection: Connection,
  options: CallOptions,
  symbols?: readonly string[],
): Promise<Reflected> {
  for (const version of versions) {
    const session = new Session(connection, version, options);
    try {
      return await session.read(symbols);
    } catch (error) {
      if (!(error instanceof RpcError) || error.code !== Code.Unimplemented || version === versions.at(-1)) throw error;
    } finally {
      session.close();
    }
  }
  throw new RpcError(Code.Unimplemented, "the server has no reflection");
}

/** One reflection stream: questions go out one at a time, each answered before the next. */
class Session {
  readonly #call: ClientCall;
  readonly #replies: AsyncIterator<Uint8Array>;

  constructor(connection: Connection, version: string, options: CallOptions) {
    const path = `/${version}.ServerReflection/ServerReflectionInfo`;
    this.#call = connection.call({ path, kind: "bidi_streaming" }, [], options);
    this.#replies = this.#call.messages[Symbol.asyncIterator]();
  }

  async read(symbols: readonly string[] | undefined): Promise<Reflected> {
    const services = symbols ?? (await this.#listServices());
    const files = new Map<string, FileDescriptorProto>();
    for (const symbol of services) {
      this.#keep(files, await this.#ask({ case: "fileContainingSymbol", value: symbol }));
    }
    // Some servers send a file without what it imports.
    for (let missing = missingImports(files); missing.length > 0; missing = missingImports(files)) {
      for (const name of missing) this.#keep(files, await this.#ask({ case: "fileByFilename", value: name }));
    }
    return {
      services: [...services],
      registry: createFileRegistry(create(FileDescriptorSetSchema, { file: inOrder(files) })),
    };
  }

  async #listServices(): Promise<string[]> {
    const reply = await this.#ask({ case: "listServices", value: "" });
    const names = reply.case === "listServicesResponse" ? reply.value.service.map(({ name }) => name) : [];
    return names.filter((name) => !name.startsWith("grpc.reflection."));
  }

  #keep(files: Map<string, FileDescriptorProto>, reply: Reply): void {
    if (reply.case !== "fileDescriptorResponse")
      throw new RpcError(Code.Internal, "reflection answered something else");
    for (const bytes of reply.value.fileDescriptorProto) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      files.set(file.name, file);
    }
  }

  async #ask(question: Question): Promise<Reply> {
    const request = create(ServerReflectionRequestSchema, { messageRequest: question });
    await this.#call.write(toBinary(ServerReflectionRequestSchema, request));
    const next = await this.#replies.next();
    if (next.done === true) {
      const outcome = await this.#call.outcome;
      if (outcome.code !== Code.Ok) throw decodeError(outcome, outcome.trailers);
      throw new RpcError(Code.Internal, "reflection ended without an answer");
    }
    const { messageResponse: reply } = fromBinary(ServerReflectionResponseSchema, next.value);
    if (reply.case !== "errorResponse") return reply;
    const code =
      reply.value.errorCode >= 1 && reply.value.errorCode <= 16 ? (reply.value.errorCode as Code) : Code.Unknown;
    throw new RpcError(code, reply.value.errorMessage);
  }

  close(): void {
    this.#call.cancel();
  }
}

function missingImports(files: ReadonlyMap<string, FileDescriptorProto>): string[] {
  const imported = [...files.values()].flatMap(({ dependency }) => dependency);
  return [...new Set(imported)].filter((name) => !files.has(name));
}

/** Imports before importers, as a registry wants them. */
function inOrder(files: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const ordered = new Set<FileDescriptorProto>();
  const visiting = new Set<string>();
  const visit = (name: string): void => {
    const file = files.get(name);
    if (file === undefined || visiting.has(name)) return;
    visiting.add(name);
    for (const dependency of file.dependency) visit(dependency);
    ordered.add(file);
  };
  for (const name of files.keys()) visit(name);
  return [...ordered];
}
