import { createHash, randomUUID } from "node:crypto";
import { ApiError } from "../http/errors.ts";
import type { ApiRequest } from "../http/request.ts";
import type { Routes } from "../http/router.ts";
import { answerRead } from "../http/blocking.ts";
import { topics } from "../store/topics.ts";
import { nameOf } from "./read.ts";
import { json, type Services } from "./services.ts";

export interface UserEvent {
  ID: string;
  Name: string;
  /** Base64; null when empty. */
  Payload: string | null;
  NodeFilter: string;
  ServiceFilter: string;
  TagFilter: string;
  Version: 1;
  LTime: number;
}

const kept = 256;

/** The last events that concern this node. Events are messages, not state: they are not kept across a restart. */
export class Events {
  #list: UserEvent[] = [];
  #clock = 1;

  /** Counts an event that was fired, and keeps it when it concerns this node. */
  add(event: UserEvent, options: { concerned: boolean }): void {
    const LTime = ++this.#clock;
    if (options.concerned) this.#list = [...this.#list, { ...event, LTime }].slice(-kept);
  }

  named(name: string): UserEvent[] {
    return name === "" ? this.#list : this.#list.filter(({ Name }) => Name === name);
  }
}

/** https://developer.hashicorp.com/consul/api-docs/event */
export function eventRoutes(services: Services): Routes {
  return {
    "/v1/event/fire/": { reads: ["dc"], PUT: (request) => fire(services, request) },
    "/v1/event/list": { reads: ["blocking"], GET: (request) => list(services, request) },
  };
}

async function fire(services: Services, request: ApiRequest) {
  const { events, store } = services;
  const { params } = request.query;
  const Name = nameOf(request, "name");
  const filters = {
    NodeFilter: params.get("node") ?? "",
    ServiceFilter: params.get("service") ?? "",
    TagFilter: params.get("tag") ?? "",
  };
  if (filters.TagFilter !== "" && filters.ServiceFilter === "") {
    throw new ApiError(500, "Cannot provide tag filter without service filter");
  }
  const concerned = concernsThisNode(services, filters);
  const body = await request.body();
  requireSmall(Name, filters, body.length);
  const Payload = body.length === 0 ? null : body.toString("base64");
  const event: UserEvent = { ID: randomUUID(), Name, Payload, ...filters, Version: 1, LTime: 0 };
  events.add(event, { concerned });
  if (concerned) store.wake([topics.events]);
  return json(services, request, event);
}

/** Consul gossips an event in one packet: what it says and its name, which goes along twice, share this room. */
const room = 416;
const filterOverhead = 4;

/** @throws ApiError 500 */
function requireSmall(name: string, filters: Readonly<Record<string, string>>, payloadBytes: number): void {
  const filterBytes = Object.values(filters)
    .filter((filter) => filter !== "")
    .reduce((sum, filter) => sum + Buffer.byteLength(filter) + filterOverhead, 0);
  if (payloadBytes + 2 * Buffer.byteLength(name) + filterBytes <= room) return;
  throw new ApiError(500, "error broadcasting event: user event exceeds configured limit of 512 bytes before encoding");
}

function concernsThisNode(
  { agent, config }: Services,
  filters: Pick<UserEvent, "NodeFilter" | "ServiceFilter" | "TagFilter">,
): boolean {
  const node = expression(filters.NodeFilter, "node");
  const service = expression(filters.ServiceFilter, "service");
  const tag = expression(filters.TagFilter, "tag");
  if (!node.test(config.nodeName)) return false;
  if (filters.ServiceFilter === "") return true;
  return agent
    .services()
    .some(
      ({ Service, Tags }) => service.test(Service) && (filters.TagFilter === "" || Tags.some((one) => tag.test(one))),
    );
}

function expression(text: string, what: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch (error) {
    throw new ApiError(500, `Invalid ${what} filter: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function list(services: Services, request: ApiRequest) {
  const name = request.query.params.get("name") ?? "";
  return answerRead(services.store, request, {
    interest: { topics: [topics.events] },
    run: () => {
      const events = services.events.named(name);
      return { index: indexOf(events.at(-1)), reply: json(services, request, events) };
    },
  });
}

/** An event's index is a hash of its id, 64 bits wide: it says that there is another, not that it is higher. */
function indexOf(event: UserEvent | undefined): string {
  if (event === undefined) return "1";
  return createHash("sha256").update(event.ID).digest().readBigUInt64BE().toString();
}
