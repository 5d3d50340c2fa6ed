import { toBinary, type DescFile, type DescService } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { Context } from "../../context.ts";
import { Code } from "../../code.ts";
import { ServerReflection, type ServerReflectionRequest } from "../../proto/grpc/reflection/v1/reflection_pb.ts";
import { entriesOf, type MethodEntry } from "./table.ts";

/** grpc.reflection.v1: tells callers such as grpcurl which services there are and what their messages look like. */
export class ReflectionService {
  readonly #services: readonly DescService[];
  readonly #files = new Map<string, DescFile>();
  readonly #symbols = new Map<string, DescFile>();

  constructor(services: readonly DescService[]) {
    this.#services = services;
    for (const service of services) this.#add(service.file);
  }

  #add(file: DescFile): void {
    const name = file.proto.name;
    if (this.#files.has(name)) return;
    this.#files.set(name, file);
    for (const { typeName } of [...file.messages.flatMap(nested), ...file.enums]) this.#symbols.set(typeName, file);
    for (const { typeName } of file.extensions) this.#symbols.set(typeName, file);
    for (const service of file.services) {
      this.#symbols.set(service.typeName, file);
      for (const method of service.methods) this.#symbols.set(`${service.typeName}.${method.name}`, file);
    }
    for (const dependency of file.dependencies) this.#add(dependency);
  }

  get entries(): MethodEntry[] {
    return entriesOf(ServerReflection, this);
  }

  async *serverReflectionInfo(_ctx: Context, requests: AsyncIterable<ServerReflectionRequest>): AsyncIterable<object> {
    for await (const request of requests)
      yield {
        validHost: request.host,
        originalRequest: request,
        messageResponse: this.#answer(request.messageRequest),
      };
  }

  #answer(request: ServerReflectionRequest["messageRequest"]): object {
    switch (request.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: { service: this.#services.map(({ typeName }) => ({ name: typeName })) },
        };
      case "fileByFilename":
        return this.#file(this.#files.get(request.value), request.value);
      case "fileContainingSymbol":
        return this.#file(this.#symbols.get(request.value), request.value);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = request.value;
        const file = this.#extensions(containingType).find(({ number }) => number === extensionNumber)?.file;
        return this.#file(file, `${containingType} extension ${extensionNumber}`);
      }
      case "allExtensionNumbersOfType":
        return {
          case: "allExtensionNumbersResponse",
          value: {
            baseTypeName: request.value,
            extensionNumber: this.#extensions(request.value).map(({ number }) => number),
          },
        };
      default:
        return {
          case: "errorResponse",
          value: { errorCode: Code.InvalidArgument, errorMessage: "the request asks for nothing" },
        };
    }
  }

  #extensions(typeName: string) {
    return [...this.#files.values()]
      .flatMap(({ extensions }) => extensions)
      .filter(({ extendee }) => extendee.typeName === typeName);
  }

  /** A file with everything it imports, so that one request is enough. */
  #file(file: DescFile | undefined, asked: string): object {
    if (file === undefined)
      return { case: "errorResponse", value: { errorCode: Code.NotFound, errorMessage: `there is no ${asked} here` } };
    const all = new Map<string, DescFile>();
    const collect = (next: DescFile): void => {
      if (all.has(next.proto.name)) return;
      all.set(next.proto.name, next);
      for (const dependency of next.dependencies) collect(dependency);
    };
    collect(file);
    return {
      case: "fileDescriptorResponse",
      value: { fileDescriptorProto: [...all.values()].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto)) },
    };
  }
}

function nested(message: DescFile["messages"][number]): { typeName: string }[] {
  return [message, ...message.nestedEnums, ...message.nestedMessages.flatMap(nested)];
}
