import { ScalarType, type DescEnum, type DescField, type DescMessage } from "@bufbuild/protobuf";
import type { MethodEntry, MethodTable } from "../server/table.ts";
import type { Binding } from "./bindings.ts";

type Schema = Record<string, unknown>;

/** OpenAPI 3.1 of everything that the web API offers, in ProtoJSON's mapping: https://protobuf.dev/programming-guides/json/ */
export function describeApi(table: MethodTable, bindings: readonly Binding[], info: { title: string }): object {
  const schemas = new Map<string, Schema>();
  const paths: Record<string, Record<string, object>> = {};
  for (const entry of table.values()) {
    if (!entry.webapi.enable) continue;
    const path = `/api${entry.wire.path}`;
    paths[path] = { ...paths[path], post: operation(entry, schemas, { content: requestContent(entry, schemas) }) };
  }
  for (const binding of bindings) {
    const path = binding.template.replaceAll(/\{([^}=]+)=[^}]*\}/g, "{$1}");
    paths[path] = { ...paths[path], [binding.verb.toLowerCase()]: boundOperation(binding, schemas) };
  }
  schemas.set("google.rpc.Status", statusSchema);
  return {
    openapi: "3.1.0",
    info: { title: info.title, version: "1" },
    paths,
    components: {
      schemas: Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: { authorization: { type: "http", scheme: "bearer" } },
    },
  };
}

const statusSchema: Schema = {
  type: "object",
  properties: {
    code: { type: "integer" },
    status: { type: "string" },
    message: { type: "string" },
    details: { type: "array", items: { type: "object" } },
  },
};

function operation(entry: MethodEntry, schemas: Map<string, Schema>, body: object): object {
  const { descriptor, webapi } = entry;
  const streams = descriptor.methodKind === "server_streaming" || descriptor.methodKind === "bidi_streaming";
  return {
    operationId: `${descriptor.parent.typeName}.${descriptor.name}`,
    tags: [descriptor.parent.typeName],
    ...(webapi.public ? { security: [] } : { security: [{ authorization: [] }] }),
    requestBody: { required: true, ...body },
    responses: {
      200: {
        description: streams ? "a message per line" : "the answer",
        content: {
          [streams ? "application/x-ndjson" : "application/json"]: { schema: reference(descriptor.output, schemas) },
        },
      },
      default: {
        description: "an error",
        content: { "application/json": { schema: { $ref: "#/components/schemas/google.rpc.Status" } } },
      },
    },
  };
}

function requestContent({ descriptor, webapi }: MethodEntry, schemas: Map<string, Schema>): object {
  if (!webapi.upload) return { "application/json": { schema: reference(descriptor.input, schemas) } };
  return {
    "multipart/form-data": {
      schema: {
        type: "object",
        properties: { file: { type: "string", contentMediaType: "application/octet-stream" } },
      },
    },
  };
}

function boundOperation(binding: Binding, schemas: Map<string, Schema>): object {
  const { entry, variables, body } = binding;
  const { input } = entry.descriptor;
  const inPath = variables.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } }));
  const inQuery =
    body === "*"
      ? []
      : input.fields.filter(
          ({ name, fieldKind }) =>
            !variables.includes(name) && name !== body && fieldKind !== "message" && fieldKind !== "map",
        );
  const { requestBody: _all, ...rest } = operation(entry, schemas, {}) as { requestBody: object };
  const bodyField = input.fields.find(({ name }) => name === body);
  const schema =
    body === "*" ? reference(input, schemas) : bodyField === undefined ? undefined : fieldSchema(bodyField, schemas);
  return {
    ...rest,
    operationId: `${input.typeName}${binding.verb}${binding.template}`.replaceAll(/[^A-Za-z0-9]+/g, "_"),
    parameters: [
      ...inPath,
      ...inQuery.map((field) => ({ name: field.name, in: "query", schema: fieldSchema(field, schemas) })),
    ],
    ...(schema === undefined ? {} : { requestBody: { required: true, content: { "application/json": { schema } } } }),
  };
}

function reference(message: DescMessage, schemas: Map<string, Schema>): Schema {
  const known = wellKnown[message.typeName];
  if (known !== undefined) return known;
  if (!schemas.has(message.typeName)) {
    const schema: Schema = { type: "object" };
    schemas.set(message.typeName, schema);
    schema.properties = Object.fromEntries(
      message.fields.map((field) => [field.jsonName, fieldSchema(field, schemas)]),
    );
  }
  return { $ref: `#/components/schemas/${message.typeName}` };
}

const wellKnown: Readonly<Record<string, Schema>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Duration": { type: "string", examples: ["1.5s"] },
  "google.protobuf.FieldMask": { type: "string" },
  "google.protobuf.Struct": { type: "object" },
  "google.protobuf.Value": {},
  "google.protobuf.ListValue": { type: "array" },
  "google.protobuf.Empty": { type: "object" },
  "google.protobuf.Any": { type: "object", properties: { "@type": { type: "string" } } },
};

function fieldSchema(field: DescField, schemas: Map<string, Schema>): Schema {
  switch (field.fieldKind) {
    case "list":
      return {
        type: "array",
        items:
          field.listKind === "message"
            ? reference(field.message, schemas)
            : field.listKind === "enum"
              ? enumSchema(field.enum)
              : scalarSchema(field.scalar),
      };
    case "map":
      return {
        type: "object",
        additionalProperties:
          field.mapKind === "message"
            ? reference(field.message, schemas)
            : field.mapKind === "enum"
              ? enumSchema(field.enum)
              : scalarSchema(field.scalar),
      };
    case "message":
      return reference(field.message, schemas);
    case "enum":
      return enumSchema(field.enum);
    case "scalar":
      return scalarSchema(field.scalar);
  }
}

function enumSchema(type: DescEnum): Schema {
  return { type: "string", enum: type.values.map(({ name }) => name) };
}

function scalarSchema(type: ScalarType): Schema {
  switch (type) {
    case ScalarType.STRING:
      return { type: "string" };
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.BYTES:
      return { type: "string", contentEncoding: "base64" };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: "number" };
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return { type: "string", format: "int64" };
    default:
      return { type: "integer", format: "int32" };
  }
}
