import { create, createFileRegistry, type DescFile, type DescService } from "@bufbuild/protobuf";
import {
  CodeGeneratorResponse_FileSchema,
  FileDescriptorSetSchema,
  type CodeGeneratorRequest,
  type CodeGeneratorResponse,
} from "@bufbuild/protobuf/wkt";
import { createEcmaScriptPlugin, type GeneratedFile, type Schema } from "@bufbuild/protoplugin";
import { declarationMap } from "./declaration-map.ts";
import { printDeclarations } from "./declarations.ts";
import { printJavaScript } from "./javascript.ts";

type Plugin = ReturnType<typeof createEcmaScriptPlugin>;

/**
 * protoc-gen-flow: for every proto file with services, `<name>_flow.js`, its declarations, and their map.
 * Takes the options of the Protobuf-ES plugin framework; flow gives `target=js+dts,import_extension=ts` and `map_imports`.
 */
export function createFlowPlugin(version: string): Plugin {
  const plugin = createEcmaScriptPlugin({
    name: "protoc-gen-flow",
    version,
    generateTs: () => {
      throw new Error("protoc-gen-flow writes JavaScript and declarations: use target=js+dts");
    },
    generateJs: (schema) => generateEach(schema, { suffix: "_flow.js", print: printJavaScript }),
    generateDts: (schema) => generateEach(schema, { suffix: "_flow.d.ts", print: printDeclarations }),
  });
  return {
    ...plugin,
    run: (request) => addMaps(request, plugin.run(request)),
  };
}

function generateEach(
  schema: Schema,
  { suffix, print }: { suffix: string; print: (f: GeneratedFile, service: DescService) => void },
): void {
  for (const file of schema.files.filter(({ services }) => services.length > 0)) {
    const f = schema.generateFile(file.name + suffix);
    f.preamble(file);
    for (const service of file.services) print(f, service);
  }
}

/** The framework places the imports when a file is finished; only then are the lines known that a map speaks of. */
function addMaps(request: CodeGeneratorRequest, response: CodeGeneratorResponse): CodeGeneratorResponse {
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: request.protoFile }));
  const files = new Map<string, DescFile>([...registry.files].map((file) => [`${file.name}_flow.d.ts`, file]));
  const maps = response.file.flatMap((generated) => {
    const file = files.get(generated.name);
    if (file === undefined) return [];
    const name = generated.name.split("/").at(-1) ?? "";
    generated.content = `${generated.content.trimEnd()}\n//# sourceMappingURL=${name}.map\n`;
    return [
      create(CodeGeneratorResponse_FileSchema, {
        name: `${generated.name}.map`,
        content: declarationMap(generated.name, generated.content, file),
      }),
    ];
  });
  response.file.push(...maps);
  return response;
}
