import {
  create,
  fromBinary,
  ScalarType,
  toBinary,
  type DescField,
  type DescMessage,
  type Message,
} from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { encode } from "../../../../src/runtime/internal/codec/encode.ts";
import { FileDescriptorProtoSchema, StructSchema } from "@bufbuild/protobuf/wkt";
import { AroundSchema, KindsSchema, OddSchema } from "../../../fixtures/proto/test/kinds_pb.ts";

const text = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.constantFrom("", "\ud800", "ä".repeat(64), "x".repeat(127), "x".repeat(128), "€".repeat(20_000)),
);
const int32 = fc.oneof(fc.integer(), fc.constantFrom(0, 1, -1, 127, 128, 2 ** 31 - 1, -(2 ** 31)));
const uint32 = fc.oneof(fc.nat(), fc.constantFrom(0, 127, 128, 16_384, 2 ** 32 - 1));
const int64 = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(0n, 1n, -1n, 2n ** 32n));
const uint64 = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0n, 127n, 128n, 2n ** 63n));
/** What a program in JavaScript may put anywhere, right or wrong. */
const odd = fc.constantFrom<unknown>("7", 1.5, -1, 2 ** 40, Number.NaN, null, undefined, {}, [], true, 2n ** 70n, "z");

function scalar(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.DOUBLE:
      return fc.double();
    case ScalarType.FLOAT:
      return fc.oneof(fc.float(), fc.constantFrom(-0, 1e39, 3.402_823_5e38));
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return int64;
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return uint64;
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return uint32;
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.STRING:
      return text;
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 300 });
    default:
      return int32;
  }
}

function value(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.message === undefined)
    return field.enum === undefined ? scalar(field.scalar) : fc.constantFrom(0, 1, -1, 9);
  if (field.message.typeName === StructSchema.typeName) return fc.dictionary(text, fc.oneof(text, fc.boolean()));
  if (field.message.typeName === "google.protobuf.StringValue") return text;
  return message(field.message, depth + 1);
}

function fieldValue(field: DescField, depth: number): fc.Arbitrary<unknown> {
  const one = value(field, depth);
  if (field.fieldKind === "list") return fc.array(one, { maxLength: 4 });
  if (field.fieldKind !== "map") return one;
  return fc.dictionary(field.mapKey === ScalarType.STRING ? text : fc.nat().map(String), one, { maxKeys: 3 });
}

/** Messages of a type: few of their fields set. */
function message(schema: DescMessage, depth = 0): fc.Arbitrary<Message> {
  const fields = schema.fields.filter((field) => depth < 2 || field.message === undefined);
  return fc
    .uniqueArray(fc.constantFrom(...fields), { maxLength: 6 })
    .chain((chosen) => fc.tuple(...chosen.map((field) => fc.tuple(fc.constant(field), fieldValue(field, depth)))))
    .map((pairs) => {
      const made = create(schema) as Message & Record<string, unknown>;
      for (const [field, content] of pairs) {
        if (field.oneof === undefined) made[field.localName] = content;
        else made[field.oneof.localName] = { case: field.localName, value: content };
      }
      return made;
    });
}

/** A message that the library did not make: it lies in memory with others. */
function shared(made: Uint8Array): Uint8Array {
  expect(made.buffer.byteLength).toBeGreaterThan(made.byteLength + 1_000);
  return made;
}

function outcome(make: () => Uint8Array): string {
  try {
    return Buffer.from(make()).toString("hex");
  } catch (error) {
    return String(error);
  }
}

test.each([KindsSchema, OddSchema, AroundSchema, FileDescriptorProtoSchema])(
  "%s is encoded to the very bytes of protobuf-es",
  (schema: DescMessage) => {
    fc.assert(
      fc.property(message(schema), (one) => {
        expect(outcome(() => encode(schema, one))).toBe(outcome(() => toBinary(schema, one)));
      }),
      { numRuns: 300 },
    );
  },
);

test("wrong values end as they do with protobuf-es: converted or refused with its words", () => {
  const fields = KindsSchema.fields.filter((field) => field.oneof === undefined);
  fc.assert(
    fc.property(fc.constantFrom(...fields), odd, (field, wrong) => {
      const one = create(KindsSchema, { string: "before", numbers: [1] }) as Message & Record<string, unknown>;
      one[field.localName] = wrong;
      expect(outcome(() => encode(KindsSchema, one as never))).toBe(outcome(() => toBinary(KindsSchema, one as never)));
    }),
    { numRuns: 2_000 },
  );
});

test("unknown fields are kept, and messages that were encoded before stay as they were", () => {
  const bytes = toBinary(KindsSchema, create(KindsSchema, { string: "x", labels: { a: "b" }, asText: "12" }));
  const unknown = fromBinary(StructSchema, bytes.subarray(0, 0));
  unknown.$unknown = [
    { no: 7, wireType: 2, data: new Uint8Array([2, 65, 66]) },
    { no: 536_870_911, wireType: 0, data: new Uint8Array([1]) },
  ];
  expect(outcome(() => encode(StructSchema, unknown))).toBe(outcome(() => toBinary(StructSchema, unknown)));
  const kept: [Uint8Array, string][] = [];
  for (let index = 0; index < 2_000; index++) {
    const one = create(KindsSchema, { string: String(index).repeat(index % 300), int32: index });
    kept.push([shared(encode(KindsSchema, one)), outcome(() => toBinary(KindsSchema, one))]);
  }
  for (const [made, expected] of kept) expect(Buffer.from(made).toString("hex")).toBe(expected);
});
