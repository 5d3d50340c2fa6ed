import { ApiError } from "../http/errors.ts";
import { isUint64 } from "../go/decode.ts";
import { Uint64 } from "../http/json.ts";
import { emptyReply, rawReply } from "../http/reply.ts";
import type { ApiRequest } from "../http/request.ts";
import type { Routes } from "../http/router.ts";
import {
  compareAndDeleteKey,
  compareAndSetKey,
  deleteKey,
  deletePrefix,
  keyIndex,
  keysBelow,
  lockKey,
  prefixIndex,
  setKey,
  unlockKey,
} from "../store/kv.ts";
import type { KvRow } from "../store/rows.ts";
import { topics } from "../store/topics.ts";
import { read } from "./read.ts";
import { json, type Services } from "./services.ts";

export const maxValueBytes = 512 * 1024;

/** https://developer.hashicorp.com/consul/api-docs/kv */
export function kvRoutes(services: Services): Routes {
  return {
    "/v1/kv/": {
      GET: (request) => get(services, request),
      PUT: (request) => put(services, request),
      DELETE: (request) => remove(services, request),
    },
  };
}

export function kvView({ LockIndex, Key, Flags, Value, Session, CreateIndex, ModifyIndex }: KvRow) {
  return {
    LockIndex,
    Key,
    Flags: new Uint64(Flags),
    Value,
    ...(Session === undefined ? {} : { Session }),
    CreateIndex,
    ModifyIndex,
  };
}

function get(services: Services, request: ApiRequest) {
  const { store } = services;
  const { params } = request.query;
  const key = request.rest;
  if (params.has("keys")) {
    const separator = params.get("separator") ?? "";
    return read(services, request, {
      interest: { topics: [], kvPrefix: key },
      run: () => {
        const names = keysBelow(store, key).map((row) => row.Key);
        const found = separator === "" ? names : foldKeys(names, key, separator);
        const none = found.length === 0 && key !== "";
        return { index: prefixIndex(store, key), reply: none ? emptyReply(404) : json(services, request, found) };
      },
    });
  }
  if (params.has("recurse")) {
    return read(services, request, {
      interest: { topics: [], kvPrefix: key },
      run: () => {
        const rows = keysBelow(store, key).map(kvView);
        return {
          index: prefixIndex(store, key),
          reply: rows.length === 0 ? emptyReply(404) : json(services, request, rows),
        };
      },
    });
  }
  requireKey(key);
  return read(services, request, {
    interest: { topics: [topics.key(key)] },
    run: () => {
      const row = store.kv.get(key);
      const index = keyIndex(store, key);
      if (row === undefined) return { index, reply: emptyReply(404) };
      if (params.has("raw")) return { index, reply: rawReply(Buffer.from(row.Value ?? "", "base64")) };
      return { index, reply: json(services, request, [kvView(row)]) };
    },
  });
}

/** Names up to the first separator after the prefix, each once. */
function foldKeys(names: readonly string[], prefix: string, separator: string): string[] {
  const folded = names.map((name) => {
    const at = name.indexOf(separator, prefix.length);
    return at === -1 ? name : name.slice(0, at + separator.length);
  });
  return [...new Set(folded)];
}

async function put(services: Services, request: ApiRequest) {
  const { store } = services;
  const { params } = request.query;
  const key = request.rest;
  requireKey(key);
  refuseTogether(params, ["acquire", "cas", "release"]);
  const flags = uint64(params.get("flags") ?? "0");
  const cas = params.has("cas") ? uint64(params.get("cas") ?? "") : undefined;
  const body = await request.body({ bytes: maxValueBytes, setting: "kv_max_value_size" });
  const input = { Key: key, Flags: flags, Value: body.length === 0 ? null : body.toString("base64") };
  const acquire = params.get("acquire");
  const release = params.get("release");
  if (acquire === "" || release === "") throw new ApiError(500, "raft apply failed: missing session");
  if (acquire !== null && !store.sessions.has(acquire)) {
    throw new ApiError(500, `raft apply failed: invalid session ${JSON.stringify(acquire)}`);
  }
  const done = store.write((write) => {
    if (cas !== undefined) return compareAndSetKey(store, write, input, cas);
    if (acquire !== null) return lockKey(store, write, input, acquire);
    if (release !== null) return unlockKey(store, write, input, release);
    setKey(store, write, input);
    return true;
  });
  return json(services, request, done);
}

function remove(services: Services, request: ApiRequest) {
  const { store } = services;
  const { params } = request.query;
  const key = request.rest;
  const recurse = params.has("recurse");
  if (!recurse) requireKey(key);
  refuseTogether(params, ["cas", "recurse"]);
  const cas = params.has("cas") ? uint64(params.get("cas") ?? "") : undefined;
  const done = store.write((write) => {
    if (cas !== undefined) return compareAndDeleteKey(store, write, key, cas);
    if (recurse) deletePrefix(store, write, key);
    else deleteKey(store, write, key);
    return true;
  });
  return json(services, request, done);
}

function requireKey(key: string): void {
  if (key === "") throw new ApiError(400, "Missing key name");
}

function refuseTogether(params: URLSearchParams, names: readonly string[]): void {
  const given = names.filter((name) => params.has(name));
  if (given.length > 1) {
    const flags = given.map((name) => `${name}=${params.get(name) ?? ""}`).join("&");
    throw new ApiError(400, `Conflicting flags: ${flags}`);
  }
}

function uint64(text: string): string {
  if (!isUint64(text)) {
    const problem = /^\d+$/.test(text) ? "value out of range" : "invalid syntax";
    throw new ApiError(500, `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${problem}`);
  }
  return BigInt(text).toString();
}
