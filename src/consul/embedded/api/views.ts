import type { AgentService } from "../agent/definitions.ts";
import { sorted } from "../http/json.ts";
import type { CheckRow, NodeRow, ServiceRow } from "../store/rows.ts";

/** A service as `/health` and `/catalog/node` show it. */
export function serviceView({ ID, Service, Tags, Address, TaggedAddresses, Meta, Port, ...row }: ServiceRow) {
  return {
    ...(row.Kind === undefined ? {} : { Kind: row.Kind }),
    ID,
    Service,
    Tags,
    Address,
    ...(TaggedAddresses === undefined ? {} : { TaggedAddresses }),
    Meta: Meta === null ? null : sorted(Object.entries(Meta)),
    ...(Port === 0 ? {} : { Port }),
    ...(row.SocketPath === undefined ? {} : { SocketPath: row.SocketPath }),
    Weights: row.Weights,
    EnableTagOverride: row.EnableTagOverride,
    Proxy: { Mode: "", MeshGateway: {}, Expose: {} },
    Connect: {},
    PeerName: "",
    CreateIndex: row.CreateIndex,
    ModifyIndex: row.ModifyIndex,
  };
}

/** A service with its node, as `/catalog/service` shows it. */
export function catalogServiceView(node: NodeRow, service: ServiceRow) {
  return {
    ID: node.ID,
    Node: node.Node,
    Address: node.Address,
    Datacenter: node.Datacenter,
    TaggedAddresses: node.TaggedAddresses,
    NodeMeta: node.Meta,
    ServiceKind: service.Kind ?? "",
    ServiceID: service.ID,
    ServiceName: service.Service,
    ServiceTags: service.Tags,
    ServiceAddress: service.Address,
    ...(service.TaggedAddresses === undefined ? {} : { ServiceTaggedAddresses: service.TaggedAddresses }),
    ServiceWeights: service.Weights,
    ServiceMeta: sorted(Object.entries(service.Meta ?? {})),
    ServicePort: service.Port,
    ServiceSocketPath: service.SocketPath ?? "",
    ServiceEnableTagOverride: service.EnableTagOverride,
    ServiceProxy: { Mode: "", MeshGateway: {}, Expose: {} },
    ServiceConnect: {},
    CreateIndex: service.CreateIndex,
    ModifyIndex: service.ModifyIndex,
  };
}

export function checkRowView(row: CheckRow) {
  return {
    Node: row.Node,
    CheckID: row.CheckID,
    Name: row.Name,
    Status: row.Status,
    Notes: row.Notes,
    Output: row.Output,
    ServiceID: row.ServiceID,
    ServiceName: row.ServiceName,
    ServiceTags: row.ServiceTags,
    Type: row.Type,
    Interval: row.Interval,
    Timeout: row.Timeout,
    ExposedPort: 0,
    Definition: row.Definition,
    CreateIndex: row.CreateIndex,
    ModifyIndex: row.ModifyIndex,
  };
}

/** A service of this agent as its own endpoints show it. */
export function agentServiceView(service: AgentService, datacenter: string) {
  const { ID, Service, Tags, Meta, Port, Address, TaggedAddresses, SocketPath, Weights, EnableTagOverride } = service;
  return {
    ...(service.Kind === undefined ? {} : { Kind: service.Kind }),
    ID,
    Service,
    Tags,
    Meta: sorted(Object.entries(Meta)),
    Port,
    Address,
    ...(SocketPath === undefined ? {} : { SocketPath }),
    ...(TaggedAddresses === undefined ? {} : { TaggedAddresses }),
    Weights,
    EnableTagOverride,
    Datacenter: datacenter,
  };
}
