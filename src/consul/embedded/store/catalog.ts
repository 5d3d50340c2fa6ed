import { invalidateSession, sessionsOfCheck } from "./sessions.ts";
import { sameContent, type CheckRow, type NodeRow, type ServiceRow } from "./rows.ts";
import { checkKey, serviceKey, type Store, type Write } from "./store.ts";
import { indexNames, topics } from "./topics.ts";

type New<Row> = Omit<Row, "CreateIndex" | "ModifyIndex">;

/** Enters or changes a node; the same content again changes nothing. */
export function setNode(store: Store, write: Write, node: New<NodeRow>): void {
  const key = node.Node.toLowerCase();
  const old = store.nodes.get(key);
  const row = { ...node, CreateIndex: old?.CreateIndex ?? write.index, ModifyIndex: write.index };
  if (old !== undefined && sameContent(old, row)) return;
  store.nodes.set(key, row);
  store.indexes.set(indexNames.nodes, write.index);
  nodeChanged(store, write, node.Node);
  write.touch(topics.nodes);
  for (const service of store.services.group("node", key)) serviceChanged(store, write, service.Service);
}

/** Enters or changes a service on a node that is there already. */
export function setService(store: Store, write: Write, service: New<ServiceRow>): void {
  const key = serviceKey(service.Node, service.ID);
  const old = store.services.get(key);
  const row = { ...service, CreateIndex: old?.CreateIndex ?? write.index, ModifyIndex: write.index };
  if (old !== undefined && sameContent(old, row)) return;
  store.services.set(key, row);
  servicesChanged(store, write, service.Node);
  serviceChanged(store, write, service.Service);
  if (old === undefined) return;
  if (old.Service.toLowerCase() !== service.Service.toLowerCase()) instanceGone(store, write, old.Service);
  for (const check of store.checks.group("service", key)) {
    setCheck(store, write, { ...check, ServiceName: service.Service, ServiceTags: service.Tags });
  }
}

/** Enters or changes a check; what it says of its service is taken from the service. */
export function setCheck(store: Store, write: Write, check: New<CheckRow>): void {
  const key = checkKey(check.Node, check.CheckID);
  const old = store.checks.get(key);
  const service = check.ServiceID === "" ? undefined : store.services.get(serviceKey(check.Node, check.ServiceID));
  const row: CheckRow = {
    ...check,
    ...(service === undefined ? {} : { ServiceName: service.Service, ServiceTags: service.Tags }),
    CreateIndex: old?.CreateIndex ?? write.index,
    ModifyIndex: write.index,
  };
  if (old !== undefined && sameContent(old, row)) return;
  store.checks.set(key, row);
  checkChanged(store, write, row);
  if (old !== undefined && (old.Status !== row.Status || old.ServiceName !== row.ServiceName)) {
    checkChanged(store, write, old);
  }
  if (row.Status === "critical") endSessionsOf(store, write, row);
}

export function deleteCheck(store: Store, write: Write, node: string, id: string): boolean {
  const check = store.checks.get(checkKey(node, id));
  if (check === undefined) return false;
  store.checks.delete(checkKey(node, id));
  checkChanged(store, write, check);
  endSessionsOf(store, write, check);
  return true;
}

export function deleteService(store: Store, write: Write, node: string, id: string): boolean {
  const key = serviceKey(node, id);
  const service = store.services.get(key);
  if (service === undefined) return false;
  for (const check of store.checks.group("service", key)) deleteCheck(store, write, node, check.CheckID);
  store.services.delete(key);
  store.indexes.set(indexNames.checks, write.index);
  servicesChanged(store, write, node);
  instanceGone(store, write, service.Service);
  return true;
}

export function deleteNode(store: Store, write: Write, name: string): boolean {
  const key = name.toLowerCase();
  if (!store.nodes.has(key)) return false;
  for (const service of store.services.group("node", key)) deleteService(store, write, name, service.ID);
  for (const check of store.checks.group("node", key)) deleteCheck(store, write, name, check.CheckID);
  for (const session of store.sessions.group("node", key)) invalidateSession(store, write, session.ID);
  store.nodes.delete(key);
  store.indexes.delete(indexNames.node(name));
  store.indexes.set(indexNames.nodes, write.index);
  store.indexes.set(indexNames.lastNodeGone, write.index);
  write.touch(topics.nodes);
  write.touch(topics.node(name));
  return true;
}

/** Index of a service's instances; of an unknown service, of the last that went, or of everything. */
export function serviceIndex(store: Store, name: string, kind: "catalog" | "health"): number {
  if (store.services.hasGroup("name", name.toLowerCase())) return store.indexOf(indexNames.service(name));
  if (store.indexes.has(indexNames.lastServiceGone)) return store.indexOf(indexNames.lastServiceGone);
  const tables = [indexNames.nodes, indexNames.services];
  return store.indexOf(...tables, ...(kind === "health" ? [indexNames.checks] : []));
}

export function nodeIndex(store: Store, name: string): number {
  return store.indexOf(store.nodes.has(name.toLowerCase()) ? indexNames.node(name) : indexNames.lastNodeGone);
}

function nodeChanged(store: Store, write: Write, node: string): void {
  store.indexes.set(indexNames.node(node), write.index);
  write.touch(topics.node(node));
}

/** The set of services changed, on this node. */
function servicesChanged(store: Store, write: Write, node: string): void {
  store.indexes.set(indexNames.services, write.index);
  store.indexes.set(indexNames.nodes, write.index);
  write.touch(topics.services);
  nodeChanged(store, write, node);
}

function serviceChanged(store: Store, write: Write, name: string): void {
  store.indexes.set(indexNames.service(name), write.index);
  write.touch(topics.service(name));
  write.touch(topics.health(name));
}

function instanceGone(store: Store, write: Write, name: string): void {
  serviceChanged(store, write, name);
  if (store.services.hasGroup("name", name.toLowerCase())) return;
  store.indexes.delete(indexNames.service(name));
  store.indexes.set(indexNames.lastServiceGone, write.index);
}

function checkChanged(store: Store, write: Write, check: CheckRow): void {
  store.indexes.set(indexNames.checks, write.index);
  write.touch(topics.checksOfNode(check.Node));
  write.touch(topics.checksInState(check.Status));
  write.touch(topics.checksInState("any"));
  if (check.ServiceID === "") {
    for (const { Service } of store.services.group("node", check.Node.toLowerCase()))
      healthChanged(store, write, Service);
  } else {
    write.touch(topics.checksOfService(check.ServiceName));
    healthChanged(store, write, check.ServiceName);
  }
}

/** Checks move a service's index, and wake only those who ask for its health. */
function healthChanged(store: Store, write: Write, name: string): void {
  store.indexes.set(indexNames.service(name), write.index);
  write.touch(topics.health(name));
}

function endSessionsOf(store: Store, write: Write, check: CheckRow): void {
  for (const id of sessionsOfCheck(store, check)) invalidateSession(store, write, id);
}
