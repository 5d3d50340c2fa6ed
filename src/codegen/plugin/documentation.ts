import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { getComments } from "@bufbuild/protoplugin";
import { consulName, httpBindings, webapiOf } from "./method-options.ts";

/** What an editor shows for a method: the proto's comment, its gRPC path, its options. */
export function methodDocumentation(method: DescMethod): string {
  const path = `/${method.parent.typeName}/${method.name}`;
  const lines = [...commentLines(method), `gRPC: \`${path}\``];
  const webapi = webapiOf(method);
  if (webapi?.enable) {
    const access = webapi.public ? "public" : "authenticated";
    lines.push(`web API: \`POST /api${path}\`, ${access}${webapi.upload ? ", multipart upload" : ""}`);
    for (const binding of httpBindings(method)) lines.push(`web API: \`${binding}\`, ${access}`);
  }
  return [lines.join("\n\n"), ...(method.deprecated ? ["@deprecated"] : [])].join("\n\n");
}

/** The comment of a service, after `purpose`, which says what the declaration is. */
export function serviceDocumentation(service: DescService, purpose: string): string {
  const name = consulName(service.file, service.name);
  const consul = `Proto service \`${service.typeName}\`, \`${name}\` in Consul.`;
  return [purpose, ...commentLines(service), consul, ...(service.deprecated ? ["@deprecated"] : [])].join("\n\n");
}

function commentLines(desc: DescMethod | DescService): string[] {
  const { leading, trailing } = getComments(desc);
  return [leading, trailing].filter((text) => text !== undefined).map((text) => text.trimEnd().replaceAll(/^ /gm, ""));
}
