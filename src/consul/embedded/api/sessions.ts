import { randomUUID } from "node:crypto";
import { ApiError } from "../http/errors.ts";
import { parseDuration, formatDuration } from "../go/duration.ts";
import type { Shape } from "../go/decode.ts";
import { tenancy, type CommonParameter } from "../http/query.ts";
import { decodeJson, type ApiRequest } from "../http/request.ts";
import type { Routes } from "../http/router.ts";
import type { SessionRow } from "../store/rows.ts";
import { invalidateSession, setSession } from "../store/sessions.ts";
import { checkKey, type Store } from "../store/store.ts";
import { indexNames, topics } from "../store/topics.ts";
import { nameOf, readJson } from "./read.ts";
import { json, type Services } from "./services.ts";

const shape = {
  LockDelay: "any",
  Node: "string",
  Name: "string",
  Checks: "strings",
  NodeChecks: "strings",
  ServiceChecks: { list: { ID: "string", Namespace: "string" } },
  Behavior: "string",
  TTL: "string",
} as const satisfies Shape;

interface SessionInput {
  LockDelay?: unknown;
  Node?: string;
  Name?: string;
  Checks?: string[];
  NodeChecks?: string[];
  ServiceChecks?: { ID?: string; Namespace?: string }[];
  Behavior?: string;
  TTL?: string;
}

const ofWrites: readonly CommonParameter[] = [...tenancy, "dc"];

const second = 1_000_000_000n;
const defaultLockDelay = 15n * second;
const shortestTtl = 10n * second;
const longestTtl = 86_400n * second;

/** https://developer.hashicorp.com/consul/api-docs/session */
export function sessionRoutes(services: Services): Routes {
  const { store } = services;
  const list = (request: ApiRequest, topic: string, rows: () => SessionRow[]) =>
    readJson(services, request, {
      interest: { topics: [topic] },
      run: () => ({ index: store.indexOf(indexNames.sessions), value: rows() }),
    });
  return {
    "/v1/session/create": { reads: ofWrites, PUT: (request) => create(services, request) },
    "/v1/session/list": { GET: (request) => list(request, topics.sessions, () => store.sessions.all()) },
    "/v1/session/node/": {
      GET: (request) => {
        const node = nameOf(request, "node name").toLowerCase();
        return list(request, topics.sessionsOfNode(node), () => store.sessions.group("node", node));
      },
    },
    "/v1/session/info/": {
      GET: (request) => {
        const id = nameOf(request, "session");
        return list(request, topics.session(id), () => {
          const session = store.sessions.get(id);
          return session === undefined ? [] : [session];
        });
      },
    },
    "/v1/session/renew/": {
      reads: [...ofWrites, "consistency"],
      PUT: (request) => {
        const id = nameOf(request, "session");
        const session = store.sessions.get(id);
        if (session === undefined) throw new ApiError(404, `Session id '${id}' not found`);
        services.sessionTimers.renew(session);
        return json(services, request, [session]);
      },
    },
    "/v1/session/destroy/": {
      reads: ofWrites,
      PUT: (request) => {
        const id = nameOf(request, "session");
        services.sessionTimers.forget(id);
        store.write((write) => invalidateSession(store, write, id));
        return json(services, request, true);
      },
    },
  };
}

async function create(services: Services, request: ApiRequest) {
  const { store, config, sessionTimers } = services;
  const body = await request.body();
  const input = body.length === 0 ? {} : decodeJson<SessionInput>(body, shape, { unknownFields: "ignore" });
  const session = toSession(input, config.nodeName);
  requireHealthy(store, session);
  const row = store.write((write) => {
    const created = { ...session, CreateIndex: write.index, ModifyIndex: write.index };
    setSession(store, write, created);
    return created;
  });
  sessionTimers.renew(row);
  return json(services, request, { ID: row.ID });
}

function toSession(input: SessionInput, nodeName: string): Omit<SessionRow, "CreateIndex" | "ModifyIndex"> {
  const { Behavior = "", TTL = "" } = input;
  if (Behavior !== "" && Behavior !== "release" && Behavior !== "delete") {
    throw new ApiError(500, `Invalid Behavior setting '${Behavior}'`);
  }
  checkTtl(TTL);
  return {
    ID: randomUUID(),
    Name: input.Name ?? "",
    Node: input.Node === undefined || input.Node === "" ? nodeName : input.Node,
    LockDelay: Number(lockDelay(input.LockDelay)),
    Behavior: Behavior === "" ? "release" : Behavior,
    TTL,
    // `Checks` is the older name.
    NodeChecks: input.NodeChecks ?? input.Checks ?? ["serfHealth"],
    ServiceChecks: input.ServiceChecks?.map(({ ID = "", Namespace = "" }) => ({ ID, Namespace })) ?? null,
  };
}

function checkTtl(text: string): void {
  if (text === "") return;
  const ttl = parseDuration(text);
  if (ttl === undefined) {
    throw new ApiError(500, `Session TTL '${text}' invalid: time: invalid duration ${JSON.stringify(text)}`);
  }
  if (ttl !== 0n && (ttl < shortestTtl || ttl > longestTtl)) {
    throw new ApiError(
      500,
      `Invalid Session TTL '${ttl}', must be between [${formatDuration(shortestTtl)}=${formatDuration(longestTtl)}]`,
    );
  }
}

/** A duration, or a number: of seconds when it is small, else of nanoseconds. Anything else counts as not given. */
function lockDelay(value: unknown): bigint {
  if (typeof value === "number" || typeof value === "bigint") {
    const number = BigInt(typeof value === "number" ? Math.trunc(value) : value);
    return number < 1000n ? number * second : number;
  }
  if (typeof value !== "string") return defaultLockDelay;
  const delay = parseDuration(value);
  if (delay !== undefined) return delay;
  throw new ApiError(400, `Request decode failed: time: invalid duration ${JSON.stringify(value)}`);
}

function requireHealthy(store: Store, session: Pick<SessionRow, "Node" | "NodeChecks" | "ServiceChecks">): void {
  if (!store.nodes.has(session.Node.toLowerCase())) throw new ApiError(500, "apply failed: Missing node registration");
  const ids = [...session.NodeChecks, ...(session.ServiceChecks ?? []).map(({ ID }) => ID)];
  for (const id of ids) {
    const check = store.checks.get(checkKey(session.Node, id));
    if (check === undefined) throw new ApiError(500, `apply failed: Missing check '${id}' registration`);
    if (check.Status === "critical") throw new ApiError(500, `apply failed: Check '${id}' is in critical state`);
  }
}
