/** What can be asked of a row, by the names of its fields. */
export type FieldType =
  | "string"
  | "int"
  | "bool"
  | "strings"
  /** Strings by any key. */
  | "stringMap"
  /** Structures by any key. */
  | { readonly map: Fields }
  /** A list of structures: a selector holds when it does for any of them. */
  | { readonly list: Fields }
  | { readonly object: Fields };

export type Fields = Readonly<Record<string, FieldType>>;

const weights: FieldType = { object: { Passing: "int", Warning: "int" } };
const taggedServiceAddresses: FieldType = { map: { Address: "string", Port: "int" } };
const proxy: FieldType = { object: { Mode: "string", DestinationServiceName: "string" } };
const connect: FieldType = { object: { Native: "bool" } };

export const nodeFields: Fields = {
  ID: "string",
  Node: "string",
  Address: "string",
  Datacenter: "string",
  TaggedAddresses: "stringMap",
  Meta: "stringMap",
};

export const nodeServiceFields: Fields = {
  ID: "string",
  Service: "string",
  Kind: "string",
  Tags: "strings",
  Address: "string",
  TaggedAddresses: taggedServiceAddresses,
  Meta: "stringMap",
  Port: "int",
  SocketPath: "string",
  Weights: weights,
  EnableTagOverride: "bool",
  Proxy: proxy,
  Connect: connect,
};

export const catalogServiceFields: Fields = {
  ID: "string",
  Node: "string",
  Address: "string",
  Datacenter: "string",
  TaggedAddresses: "stringMap",
  NodeMeta: "stringMap",
  ServiceKind: "string",
  ServiceID: "string",
  ServiceName: "string",
  ServiceTags: "strings",
  ServiceAddress: "string",
  ServiceTaggedAddresses: taggedServiceAddresses,
  ServiceWeights: weights,
  ServiceMeta: "stringMap",
  ServicePort: "int",
  ServiceSocketPath: "string",
  ServiceEnableTagOverride: "bool",
  ServiceProxy: proxy,
  ServiceConnect: connect,
};

export const checkFields: Fields = {
  Node: "string",
  CheckID: "string",
  Name: "string",
  Status: "string",
  Notes: "string",
  Output: "string",
  ServiceID: "string",
  ServiceName: "string",
  ServiceTags: "strings",
  Type: "string",
};

export const healthServiceFields: Fields = {
  Node: { object: nodeFields },
  Service: { object: nodeServiceFields },
  Checks: { list: checkFields },
};
