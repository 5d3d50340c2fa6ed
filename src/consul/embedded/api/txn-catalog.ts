import { deleteCheck, deleteNode, deleteService, setNode } from "../store/catalog.ts";
import type { Indexes } from "../store/rows.ts";
import { checkKey, serviceKey, type Store, type Write } from "../store/store.ts";
import { OperationError } from "./operation-error.ts";
import { putCheck, putService, type CatalogCheckInput, type CatalogServiceInput } from "./registration.ts";
import type { Services } from "./services.ts";
import { checkRowView, serviceView } from "./views.ts";

interface NodeInput {
  ID?: string;
  Node?: string;
  Address?: string;
  Datacenter?: string;
  TaggedAddresses?: Record<string, string>;
  Meta?: Record<string, string>;
  ModifyIndex?: number;
}

export interface CatalogOperation {
  Node?: { Verb?: string; Node?: NodeInput };
  Service?: { Verb?: string; Node?: string; Service?: CatalogServiceInput };
  Check?: { Verb?: string; Check?: CatalogCheckInput };
}

const names = { node: "Node", service: "Service", check: "Check" } as const;

/** One entry of the catalog: how it is read, written and deleted. */
interface Target {
  kind: "node" | "service" | "check";
  describe: string;
  row: () => Indexes | undefined;
  view: () => Record<string, unknown>;
  set: () => void;
  remove: () => void;
  expectedIndex: number;
}

/** Does one operation on a node, a service or a check. @throws OperationError, ApiError */
export function applyCatalog(
  { store, config }: Pick<Services, "store" | "config">,
  write: Write,
  operation: CatalogOperation,
): Record<string, unknown>[] {
  if (operation.Node !== undefined) {
    const node = { Datacenter: config.datacenter, ...operation.Node.Node };
    return apply(operation.Node.Verb, nodeTarget(store, write, node));
  }
  if (operation.Service !== undefined) {
    const { Verb, Node = "", Service = {} } = operation.Service;
    return apply(Verb, serviceTarget(store, write, { node: Node, input: Service }));
  }
  if (operation.Check !== undefined) {
    return apply(operation.Check.Verb, checkTarget(store, write, operation.Check.Check ?? {}));
  }
  return [];
}

function apply(verb: string | undefined, target: Target): Record<string, unknown>[] {
  const { kind, describe } = target;
  const current = target.row();
  const stale = () => (current?.ModifyIndex ?? 0) !== target.expectedIndex;
  switch (verb) {
    case "get":
      if (current === undefined) throw new OperationError(`${kind} ${describe} doesn't exist`);
      return [target.view()];
    case "set":
      target.set();
      return [target.view()];
    case "cas":
      if (stale()) throw new OperationError(`failed to set ${kind} ${describe}, index is stale`);
      target.set();
      return [target.view()];
    case "delete":
      target.remove();
      return [];
    case "delete-cas":
      if (stale()) throw new OperationError(`failed to delete ${kind} ${describe}, index is stale`);
      target.remove();
      return [];
    default:
      throw new OperationError(`unknown ${names[kind]} verb ${JSON.stringify(verb ?? "")}`);
  }
}

function nodeTarget(store: Store, write: Write, input: NodeInput): Target {
  const { Node: name = "" } = input;
  const row = () => store.nodes.get(name.toLowerCase());
  return {
    kind: "node",
    describe: JSON.stringify(name),
    row,
    view: () => ({ Node: row() }),
    set: () => {
      if (name === "") throw new OperationError("Must provide node");
      setNode(store, write, {
        ID: input.ID ?? "",
        Node: name,
        Address: input.Address ?? "",
        Datacenter: input.Datacenter ?? "",
        TaggedAddresses: input.TaggedAddresses ?? null,
        Meta: input.Meta ?? null,
      });
    },
    remove: () => void deleteNode(store, write, name),
    expectedIndex: input.ModifyIndex ?? 0,
  };
}

function serviceTarget(
  store: Store,
  write: Write,
  { node, input }: { node: string; input: CatalogServiceInput },
): Target {
  const id = input.ID === undefined || input.ID === "" ? (input.Service ?? "") : input.ID;
  const row = () => store.services.get(serviceKey(node, id));
  return {
    kind: "service",
    describe: `${JSON.stringify(id)} on node ${JSON.stringify(node)}`,
    row,
    view: () => {
      const service = row();
      return { Service: service === undefined ? null : { ...serviceView(service), Tags: orNull(service.Tags) } };
    },
    set: () => {
      requireNode(store, node);
      putService(store, write, { node, input });
    },
    remove: () => void deleteService(store, write, node, id),
    expectedIndex: input.ModifyIndex ?? 0,
  };
}

function checkTarget(store: Store, write: Write, input: CatalogCheckInput): Target {
  const { Node: node = "", Name = "", CheckID = "" } = input;
  const id = CheckID === "" ? Name : CheckID;
  const row = () => store.checks.get(checkKey(node, id));
  return {
    kind: "check",
    describe: `${JSON.stringify(id)} on node ${JSON.stringify(node)}`,
    row,
    view: () => {
      const check = row();
      return { Check: check === undefined ? null : { ...checkRowView(check), ServiceTags: orNull(check.ServiceTags) } };
    },
    set: () => {
      requireNode(store, node);
      putCheck(store, write, { node, input });
    },
    remove: () => void deleteCheck(store, write, node, id),
    expectedIndex: input.ModifyIndex ?? 0,
  };
}

/** Where the catalog shows an empty list, a transaction shows null. */
function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list;
}

function requireNode(store: Store, name: string): void {
  if (!store.nodes.has(name.toLowerCase())) throw new OperationError("Missing node registration");
}
