import type { DescService } from "@bufbuild/protobuf";
import type { GeneratedFile } from "@bufbuild/protoplugin";
import { consulName } from "./method-options.ts";

/** Prints the values of one service. What they do lies in `goflow/runtime/codegen`, and reads a method's options from its descriptor. */
export function printJavaScript(f: GeneratedFile, service: DescService): void {
  const { name } = service;
  const from = "goflow/runtime/codegen";
  const descriptor = f.importSchema(service);
  const consul = f.string(consulName(service.file, name));
  f.print`export const get${name} = /*@__PURE__*/ ${f.import("createAccessor", from)}(${descriptor}, { service: ${consul} });`;
  f.print();
  f.print`export const register${name} = /*@__PURE__*/ ${f.import("createRegistrar", from)}(${descriptor});`;
  f.print();
  f.print`export const mock${name} = /*@__PURE__*/ ${f.import("createMock", from)}(${descriptor});`;
  f.print();
}
