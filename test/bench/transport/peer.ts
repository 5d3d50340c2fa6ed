import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { ChunkSchema, LookupSchema, ProductSchema } from "../../fixtures/proto/test/bench_pb.ts";

export type Lookup = MessageShape<typeof LookupSchema>;
export type Product = MessageShape<typeof ProductSchema>;
export type Chunk = MessageShape<typeof ChunkSchema>;

/** One connection of a peer to a server of its own kind. */
export interface Client {
  get(request: MessageInitShape<typeof LookupSchema>): Promise<Product>;
  /** Reads messages with so many bytes each until `take` says false; `take` hears of each. */
  read(bytes: number, take: (chunk: Chunk) => boolean): Promise<void>;
}

/** An implementation of gRPC that is measured. */
export interface Peer {
  /** Serves {@link get} and {@link read} on a free port of loopback, and says which. */
  serve(): Promise<number>;
  connect(port: number): Client;
}

/** 100 bytes. */
export const lookup: MessageInitShape<typeof LookupSchema> = {
  id: "product-000000012345",
  locale: "en-GB",
  fields: ["name", "description", "price", "variants", "availability", "pictures"],
  version: 1234567890n,
};

/** 600 bytes. */
export function get({ id }: Pick<Lookup, "id">): MessageInitShape<typeof ProductSchema> {
  return { ...product, id };
}

const product: MessageInitShape<typeof ProductSchema> = {
  name: "Walking boot, waterproof, for wide feet and long ways",
  description:
    "A boot for those who walk far: full-grain leather, waxed twice, a sole that can be replaced, " +
    "and room for the toes on the way down. Tested over 1,200 km of gravel, rock and wet grass. Made in small series. " +
    "Care: brush it when dry, wax it twice a year, never put it beside a stove. Half sizes on demand; laces in three colours; soles for ice sold apart.",
  price: 18_900n,
  available: true,
  tags: ["outdoor", "boots", "leather", "waterproof", "repairable"],
  variants: ["39", "41", "43"].map((size, index) => ({
    sku: `WB-2041-BR-${size}-W`,
    size: `EU ${size}`,
    stock: index * 17,
  })),
  weight: 1.385,
};

const chunks = new Map<number, { data: Uint8Array }>();

/** The chunk of that size, again and again. */
export function chunkOf(bytes: number): { data: Uint8Array } {
  let chunk = chunks.get(bytes);
  if (chunk === undefined) chunks.set(bytes, (chunk = { data: Buffer.alloc(bytes, "0123456789") }));
  return chunk;
}
