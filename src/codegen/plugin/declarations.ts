import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { GeneratedFile, Printable } from "@bufbuild/protoplugin";
import { methodDocumentation, serviceDocumentation } from "./documentation.ts";

/** Prints the types of one service: client, handler, accessor, registrar, mock. */
export function printDeclarations(f: GeneratedFile, service: DescService): void {
  const { name } = service;
  const context = f.import("Context", "goflow/runtime", true);
  const server = f.import("Server", "goflow/runtime", true);
  const callOptions = f.import("CallOptions", "goflow/runtime/codegen", true);
  const clientOptions = f.import("ClientOptions", "goflow/runtime/codegen", true);

  f.print(f.jsDoc(serviceDocumentation(service, `Calls \`${name}\`.`)));
  f.print("export interface ", name, "Client {");
  for (const method of service.methods) {
    const { request, response } = clientTypes(f, method);
    f.print(f.jsDoc(methodDocumentation(method), "  "));
    f.print`  ${method.localName}(ctx: ${context}, ${request}, options?: ${callOptions}): ${response};`;
  }
  f.print("}");
  f.print();

  f.print(f.jsDoc(serviceDocumentation(service, `What an implementation of \`${name}\` offers.`)));
  f.print("export interface ", name, "Handler {");
  for (const method of service.methods) {
    const { request, response } = handlerTypes(f, method);
    f.print(f.jsDoc(methodDocumentation(method), "  "));
    f.print`  ${method.localName}(ctx: ${context}, ${request}): ${response};`;
  }
  f.print("}");
  f.print();

  f.print(f.jsDoc(serviceDocumentation(service, `Gives the client of \`${name}\`. Clients share their connections.`)));
  f.print`export declare function get${name}(options?: ${clientOptions}): ${name}Client;`;
  f.print();
  f.print(f.jsDoc(serviceDocumentation(service, `Adds \`${name}\` to a server, with its web API.`)));
  f.print`export declare function register${name}(server: ${server}, implementation: ${name}Handler): void;`;
  f.print();
  f.print(
    f.jsDoc(
      `For tests: until it is restored, every client of \`${name}\` in this process calls \`handlers\` instead. A method that is not given fails.`,
    ),
  );
  f.print`export declare function mock${name}(handlers: Partial<${name}Handler>): Disposable & { restore(): void };`;
  f.print();
}

interface Signature {
  request: Printable;
  response: Printable;
}

function clientTypes(f: GeneratedFile, method: DescMethod): Signature {
  const streams = direction(method);
  const input = initShape(f, method.input);
  const output = f.importShape(method.output);
  return {
    request: streams.request ? ["requests: AsyncIterable<", input, "> | Iterable<", input, ">"] : ["request: ", input],
    response: [streams.response ? "AsyncIterable<" : "Promise<", output, ">"],
  };
}

function handlerTypes(f: GeneratedFile, method: DescMethod): Signature {
  const streams = direction(method);
  const input = f.importShape(method.input);
  const output = initShape(f, method.output);
  return {
    request: streams.request ? ["requests: AsyncIterable<", input, ">"] : ["request: ", input],
    response: streams.response ? ["AsyncIterable<", output, ">"] : ["Promise<", output, "> | ", output],
  };
}

function direction({ methodKind }: DescMethod): { request: boolean; response: boolean } {
  return {
    request: methodKind === "client_streaming" || methodKind === "bidi_streaming",
    response: methodKind === "server_streaming" || methodKind === "bidi_streaming",
  };
}

/** What `create()` takes: fields may be left out. */
function initShape(f: GeneratedFile, message: DescMethod["input"]): Printable {
  return [f.import("MessageInitShape", "@bufbuild/protobuf", true), "<typeof ", f.importSchema(message, true), ">"];
}
