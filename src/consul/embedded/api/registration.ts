import { kindOf } from "../agent/definitions.ts";
import { ApiError } from "../http/errors.ts";
import { formatDuration } from "../go/duration.ts";
import type { Shape } from "../go/decode.ts";
import { requireDatacenter } from "../http/query.ts";
import type { Reply } from "../http/reply.ts";
import { jsonBody, type ApiRequest } from "../http/request.ts";
import { deleteCheck, deleteNode, deleteService, setCheck, setNode, setService } from "../store/catalog.ts";
import { checkKey, serviceKey, type Store, type Write } from "../store/store.ts";
import { json, type Services } from "./services.ts";

const checkInputShape = {
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
  Namespace: "string",
  CreateIndex: "int",
  ModifyIndex: "int",
  Definition: {
    object: {
      HTTP: "string",
      TLSServerName: "string",
      TLSSkipVerify: "bool",
      Header: "stringLists",
      Method: "string",
      Body: "string",
      TCP: "string",
      UDP: "string",
      GRPC: "string",
      GRPCUseTLS: "bool",
      Interval: "duration",
      Timeout: "duration",
      DeregisterCriticalServiceAfter: "duration",
    },
  },
} as const satisfies Shape;

export const catalogShapes = {
  node: {
    ID: "string",
    Node: "string",
    Address: "string",
    Datacenter: "string",
    TaggedAddresses: "stringMap",
    Meta: "stringMap",
    CreateIndex: "int",
    ModifyIndex: "int",
  },
  service: {
    ID: "string",
    Service: "string",
    Kind: "string",
    Tags: "strings",
    Address: "string",
    TaggedAddresses: { map: { Address: "string", Port: "int" } },
    Meta: "stringMap",
    Port: "int",
    SocketPath: "string",
    Weights: { object: { Passing: "int", Warning: "int" } },
    EnableTagOverride: "bool",
    Namespace: "string",
    CreateIndex: "int",
    ModifyIndex: "int",
  },
  check: checkInputShape,
} as const satisfies Record<string, Shape>;

const registerShape = {
  Datacenter: "string",
  ID: "string",
  Node: "string",
  Address: "string",
  TaggedAddresses: "stringMap",
  NodeMeta: "stringMap",
  Service: { object: catalogShapes.service },
  Check: { object: catalogShapes.check },
  Checks: { list: catalogShapes.check },
  SkipNodeUpdate: "bool",
} as const satisfies Shape;

export interface CatalogServiceInput {
  ID?: string;
  Service?: string;
  Kind?: string;
  Tags?: string[];
  Address?: string;
  TaggedAddresses?: Record<string, { Address?: string; Port?: number }>;
  Meta?: Record<string, string>;
  Port?: number;
  SocketPath?: string;
  Weights?: { Passing?: number; Warning?: number };
  EnableTagOverride?: boolean;
  ModifyIndex?: number;
}

export interface CatalogCheckInput {
  Node?: string;
  CheckID?: string;
  Name?: string;
  Status?: string;
  Notes?: string;
  Output?: string;
  ServiceID?: string;
  Type?: string;
  Definition?: Record<string, unknown>;
  ModifyIndex?: number;
}

interface RegisterInput {
  Datacenter?: string;
  ID?: string;
  Node?: string;
  Address?: string;
  TaggedAddresses?: Record<string, string>;
  NodeMeta?: Record<string, string>;
  Service?: CatalogServiceInput;
  Check?: CatalogCheckInput;
  Checks?: CatalogCheckInput[];
  SkipNodeUpdate?: boolean;
}

/** Writes to the catalog directly, past any agent. @throws ApiError 400, 500 */
export async function register(services: Services, request: ApiRequest): Promise<Reply> {
  const input = await jsonBody<RegisterInput>(request, registerShape);
  const { store, config } = services;
  requireDatacenter(input.Datacenter, config.datacenter);
  const { Node: name = "", Address = "", SkipNodeUpdate = false } = input;
  if (name === "") throw new ApiError(500, "Must provide node");
  if (Address === "" && !SkipNodeUpdate) {
    throw new ApiError(500, "Must provide address if SkipNodeUpdate is not set");
  }
  if (input.ID !== undefined && input.ID !== "" && !isUuid(input.ID)) {
    throw new ApiError(500, `Bad node ID: uuid string is wrong length`);
  }
  store.write((write) => {
    if (input.ID !== undefined && input.ID !== "") renameNode(store, write, { id: input.ID, name });
    if (!SkipNodeUpdate || !store.nodes.has(name.toLowerCase())) {
      setNode(store, write, {
        ID: input.ID ?? "",
        Node: name,
        Address,
        Datacenter: config.datacenter,
        TaggedAddresses: input.TaggedAddresses ?? null,
        Meta: input.NodeMeta ?? null,
      });
    }
    if (input.Service !== undefined) putService(store, write, { node: name, input: input.Service });
    const checks = [...(input.Check === undefined ? [] : [input.Check]), ...(input.Checks ?? [])];
    for (const check of checks) putCheck(store, write, { node: name, input: check });
  });
  return json(services, request, true);
}

/** A node that comes back under another name takes its ID along; one that gossips is not renamed from here. */
function renameNode(store: Store, write: Write, { id, name }: { id: string; name: string }): void {
  for (const { ID, Node } of store.nodes.all()) {
    if (ID.toLowerCase() !== id.toLowerCase() || Node.toLowerCase() === name.toLowerCase()) continue;
    if (!store.checks.has(checkKey(Node, "serfHealth"))) deleteNode(store, write, Node);
  }
}

/** @throws ApiError 500 */
export function putService(
  store: Store,
  write: Write,
  { node, input }: { node: string; input: CatalogServiceInput },
): void {
  const { ID = "", Service = "" } = input;
  if (ID !== "" && Service === "") {
    throw new ApiError(500, "Must provide service name (Service.Service) when service ID is provided");
  }
  setService(store, write, {
    Node: node,
    ...kindOf(input.Kind),
    ID: ID === "" ? Service : ID,
    Service,
    Tags: input.Tags ?? [],
    Address: input.Address ?? "",
    ...(input.TaggedAddresses === undefined ? {} : { TaggedAddresses: input.TaggedAddresses }),
    Meta: input.Meta ?? null,
    Port: input.Port ?? 0,
    ...(input.SocketPath === undefined || input.SocketPath === "" ? {} : { SocketPath: input.SocketPath }),
    Weights: { Passing: input.Weights?.Passing ?? 1, Warning: input.Weights?.Warning ?? 1 },
    EnableTagOverride: input.EnableTagOverride ?? false,
  });
}

/** @throws ApiError 500 for a service that is not there */
export function putCheck(
  store: Store,
  write: Write,
  { node, input }: { node: string; input: CatalogCheckInput },
): void {
  const { CheckID = "", Name = "", ServiceID = "", Definition = {} } = input;
  const id = CheckID === "" ? Name : CheckID;
  if (id === "") throw new ApiError(500, `failed inserting check on node ${JSON.stringify(node)}: it has no ID`);
  if (input.Node !== undefined && input.Node !== "" && input.Node.toLowerCase() !== node.toLowerCase()) {
    throw new ApiError(500, `Node '${input.Node}' for check '${id}' doesn't match register request node '${node}'`);
  }
  if (ServiceID !== "" && !store.services.has(serviceKey(node, ServiceID))) {
    throw new ApiError(500, `Unknown service ID '${ServiceID}' for check ID '${id}'`);
  }
  setCheck(store, write, {
    Node: node,
    CheckID: id,
    Name,
    Status: input.Status === undefined || input.Status === "" ? "critical" : input.Status,
    Notes: input.Notes ?? "",
    Output: input.Output ?? "",
    ServiceID,
    ServiceName: "",
    ServiceTags: [],
    Type: typeOf(input),
    Interval: "",
    Timeout: "",
    Definition: Object.fromEntries(
      Object.entries(Definition).map(([key, value]) => [
        key,
        typeof value === "bigint" ? formatDuration(value) : value,
      ]),
    ),
  });
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

function typeOf({ Type = "", Definition = {} }: CatalogCheckInput): string {
  if (Type !== "" || typeof Definition.Interval !== "bigint" || Definition.Interval <= 0n) return Type;
  return ["HTTP", "TCP", "UDP", "GRPC"].find((kind) => (Definition[kind] ?? "") !== "")?.toLowerCase() ?? "";
}

const deregisterShape = {
  Datacenter: "string",
  Node: "string",
  Address: "string",
  ServiceID: "string",
  CheckID: "string",
  Namespace: "string",
} as const satisfies Shape;

/** Takes a node, a service or a check out of the catalog; what is not there is fine. @throws ApiError 400, 500 */
export async function deregister(services: Services, request: ApiRequest): Promise<Reply> {
  const input = await jsonBody<{ Datacenter?: string; Node?: string; ServiceID?: string; CheckID?: string }>(
    request,
    deregisterShape,
  );
  const { store, config } = services;
  requireDatacenter(input.Datacenter, config.datacenter);
  const { Node: name = "", ServiceID = "", CheckID = "" } = input;
  if (name === "") throw new ApiError(500, "Must provide node");
  store.write((write) => {
    if (ServiceID !== "") deleteService(store, write, name, ServiceID);
    else if (CheckID !== "") deleteCheck(store, write, name, CheckID);
    else deleteNode(store, write, name);
  });
  return json(services, request, true);
}
