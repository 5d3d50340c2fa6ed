import { randomUUID } from "node:crypto";
import { isIPv4 } from "node:net";
import type { AgentConfig } from "./config/config.ts";
import { deleteNode, setCheck, setNode, setService } from "./store/catalog.ts";
import type { Store } from "./store/store.ts";
import { embeddedVersion } from "./version.ts";

/**
 * Enters this agent's own node into the catalog, with the service `consul` and the check `serfHealth` that every Consul
 * server has. A node that was renamed since the state was kept goes.
 */
export function enterNode(store: Store, config: AgentConfig): string {
  const id = config.nodeId ?? store.agentFacts.get("node-id") ?? randomUUID();
  const formerName = store.agentFacts.get("node-name");
  store.write((write) => {
    if (formerName !== undefined && formerName.toLowerCase() !== config.nodeName.toLowerCase()) {
      deleteNode(store, write, formerName);
    }
    if (store.agentFacts.get("node-id") !== id) store.agentFacts.set("node-id", id);
    if (formerName !== config.nodeName) store.agentFacts.set("node-name", config.nodeName);
    const { advertise } = config;
    const family = isIPv4(advertise) ? "ipv4" : "ipv6";
    setNode(store, write, {
      ID: id,
      Node: config.nodeName,
      Address: advertise,
      Datacenter: config.datacenter,
      TaggedAddresses: {
        lan: advertise,
        [`lan_${family}`]: advertise,
        wan: advertise,
        [`wan_${family}`]: advertise,
      },
      Meta: { ...config.nodeMeta, "consul-network-segment": "" },
    });
    setService(store, write, {
      Node: config.nodeName,
      ID: "consul",
      Service: "consul",
      Tags: [],
      Address: "",
      Meta: { version: embeddedVersion },
      Port: config.serverPort,
      Weights: { Passing: 1, Warning: 1 },
      EnableTagOverride: false,
    });
    setCheck(store, write, {
      Node: config.nodeName,
      CheckID: "serfHealth",
      Name: "Serf Health Status",
      Status: "passing",
      Notes: "",
      Output: "Agent alive and reachable",
      ServiceID: "",
      ServiceName: "",
      ServiceTags: [],
      Type: "",
      Interval: "",
      Timeout: "",
      Definition: {},
    });
  });
  return id;
}
