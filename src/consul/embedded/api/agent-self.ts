import type { Routes } from "../http/router.ts";
import { embeddedVersion } from "../version.ts";
import { json, type Services } from "./services.ts";

/** What the agent says of itself. It names itself an embedded one: nothing here pretends to be HashiCorp's program. */
export function agentSelfRoutes(services: Services): Routes {
  const { config, nodeId } = services;
  const member = {
    Name: config.nodeName,
    Addr: config.advertise,
    Port: config.gossipPort,
    Tags: {
      build: `${embeddedVersion}:`,
      dc: config.datacenter,
      id: nodeId,
      port: String(config.serverPort),
      role: "consul",
    },
    Status: 1,
    ProtocolMin: 1,
    ProtocolMax: 5,
    ProtocolCur: 2,
    DelegateMin: 2,
    DelegateMax: 5,
    DelegateCur: 4,
  };
  const self = {
    Config: {
      Datacenter: config.datacenter,
      PrimaryDatacenter: config.datacenter,
      NodeName: config.nodeName,
      NodeID: nodeId,
      Revision: "",
      Server: true,
      Version: embeddedVersion,
    },
    DebugConfig: { Datacenter: config.datacenter, EnableRemoteScriptChecks: config.scriptChecks },
    Coord: null,
    Member: member,
    Stats: {},
    Meta: config.nodeMeta,
  };
  return {
    "/v1/agent/self": { reads: [], GET: (request) => json(services, request, self) },
    "/v1/agent/members": { reads: ["partition"], GET: (request) => json(services, request, [member]) },
  };
}
