import { ApiError } from "../http/errors.ts";
import { DecodeError, decodeObject, parseBody, type Shape } from "../go/decode.ts";
import { withHeaders } from "../http/reply.ts";
import type { ApiRequest } from "../http/request.ts";
import type { Routes } from "../http/router.ts";
import type { Write } from "../store/store.ts";
import { maxValueBytes } from "./kv.ts";
import { OperationError } from "./operation-error.ts";
import { catalogShapes } from "./registration.ts";
import { json, type Services } from "./services.ts";
import { applyCatalog, type CatalogOperation } from "./txn-catalog.ts";
import { applyKv, type KvOperation } from "./txn-kv.ts";

const operationShape = {
  KV: {
    object: {
      Verb: "string",
      Key: "string",
      Value: "base64",
      Flags: "uint64",
      Index: "uint64",
      Session: "string",
      Namespace: "string",
    },
  },
  Node: { object: { Verb: "string", Node: { object: catalogShapes.node } } },
  Service: { object: { Verb: "string", Node: "string", Service: { object: catalogShapes.service } } },
  Check: { object: { Verb: "string", Check: { object: catalogShapes.check } } },
} as const satisfies Shape;

type Operation = { KV?: KvOperation } & CatalogOperation;

const maxOperations = 64;
const readVerbs: ReadonlySet<string> = new Set(["get", "get-tree", "check-index", "check-session", "check-not-exists"]);

/** https://developer.hashicorp.com/consul/api-docs/txn */
export function txnRoutes(services: Services): Routes {
  return { "/v1/txn": { reads: ["dc", "consistency", "blocking"], PUT: (request) => transact(services, request) } };
}

async function transact(services: Services, request: ApiRequest) {
  const operations = decode(await request.body({ bytes: maxValueBytes, setting: "txn_max_req_len" }));
  if (operations.length > maxOperations) {
    throw new ApiError(413, `Transaction contains too many operations (${operations.length} > ${maxOperations})`);
  }
  const { results, errors } = run(services, operations);
  const answer = {
    Results: errors.length > 0 ? null : results,
    Errors: errors.length > 0 ? errors : null,
  };
  const status = errors.length > 0 ? 409 : 200;
  if (!operations.every(isRead)) return json(services, request, answer, status);
  const read = {
    ...answer,
    Index: 1,
    LastContact: 0,
    KnownLeader: true,
    ConsistencyLevel: "",
    NotModified: false,
    Backend: 0,
    ResultsFilteredByACLs: false,
  };
  return withHeaders(json(services, request, read, status), {
    "X-Consul-Knownleader": "true",
    "X-Consul-Lastcontact": "0",
  });
}

function decode(body: Buffer): Operation[] {
  try {
    const list = parseBody(body.toString("utf8")) ?? [];
    if (!Array.isArray(list)) throw new DecodeError("json: cannot unmarshal object into Go value of type api.TxnOps");
    return list.map((item) => decodeObject<Operation>(item, operationShape));
  } catch (error) {
    if (error instanceof DecodeError) throw new ApiError(400, `Failed to parse body: ${error.message}`);
    throw error;
  }
}

function isRead({ KV, Node, Service, Check }: Operation): boolean {
  if (KV !== undefined && !readVerbs.has(KV.Verb ?? "") && isWriteVerb(KV.Verb)) return false;
  return [Node, Service, Check].every((operation) => operation === undefined || operation.Verb === "get");
}

function isWriteVerb(verb: string | undefined): boolean {
  return ["set", "cas", "lock", "unlock", "delete", "delete-tree", "delete-cas"].includes(verb ?? "");
}

class Rollback extends Error {}

/** Does all operations, or none; every one that fails is named. */
function run(services: Services, operations: readonly Operation[]) {
  const { store } = services;
  const results: unknown[] = [];
  const errors: { OpIndex: number; What: string }[] = [];
  const one = (write: Write, operation: Operation): unknown[] =>
    operation.KV !== undefined
      ? applyKv(store, write, operation.KV).map((KV) => ({ KV }))
      : applyCatalog(services, write, operation);
  try {
    store.write((write) => {
      for (const [OpIndex, operation] of operations.entries()) {
        try {
          results.push(...one(write, operation));
        } catch (error) {
          if (!(error instanceof OperationError || error instanceof ApiError)) throw error;
          errors.push({ OpIndex, What: error.message });
        }
      }
      if (errors.length > 0) throw new Rollback();
    });
  } catch (error) {
    if (!(error instanceof Rollback)) throw error;
  }
  return { results, errors };
}
