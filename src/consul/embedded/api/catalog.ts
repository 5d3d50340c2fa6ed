import { catalogServiceFields, nodeFields, nodeServiceFields } from "../filter/fields.ts";
import { sorted } from "../http/json.ts";
import { tenancy } from "../http/query.ts";
import type { ApiRequest } from "../http/request.ts";
import type { Routes } from "../http/router.ts";
import { nodeIndex, serviceIndex } from "../store/catalog.ts";
import type { NodeRow } from "../store/rows.ts";
import { indexNames, topics } from "../store/topics.ts";
import { filterOf, nameOf, nodeMetaFilter, readJson, tagFilter } from "./read.ts";
import { json, type Services } from "./services.ts";
import { deregister, register } from "./registration.ts";
import { catalogServiceView, serviceView } from "./views.ts";

/** https://developer.hashicorp.com/consul/api-docs/catalog */
export function catalogRoutes(services: Services): Routes {
  const { config } = services;
  return {
    "/v1/catalog/datacenters": {
      reads: ["consistency"],
      GET: (request) => json(services, request, [config.datacenter]),
    },
    "/v1/catalog/nodes": {
      reads: ["partition", "dc", "consistency", "blocking"],
      GET: (request) => nodes(services, request),
    },
    "/v1/catalog/services": { GET: (request) => serviceNames(services, request) },
    "/v1/catalog/service/": { GET: (request) => instances(services, request) },
    "/v1/catalog/node/": { GET: (request) => node(services, request) },
    "/v1/catalog/register": { reads: tenancy, PUT: (request) => register(services, request) },
    "/v1/catalog/deregister": { reads: tenancy, PUT: (request) => deregister(services, request) },
  };
}

function nodes(services: Services, request: ApiRequest) {
  const { store } = services;
  const filter = filterOf<NodeRow>(request, nodeFields);
  const hasMeta = nodeMetaFilter(request);
  return readJson(services, request, {
    interest: { topics: [topics.nodes] },
    consistency: true,
    run: () => ({
      index: store.indexOf(indexNames.nodes),
      value: filter(store.nodes.all().filter(({ Meta }) => hasMeta(Meta))),
    }),
  });
}

function serviceNames(services: Services, request: ApiRequest) {
  const { store } = services;
  const hasMeta = nodeMetaFilter(request);
  return readJson(services, request, {
    interest: { topics: [topics.services] },
    consistency: true,
    cacheable: true,
    run: () => {
      const tags = new Map<string, Set<string>>();
      for (const { Node, Service, Tags } of store.services.all()) {
        if (!hasMeta(store.nodes.get(Node.toLowerCase())?.Meta)) continue;
        const known = tags.get(Service);
        if (known === undefined) tags.set(Service, new Set(Tags));
        else for (const tag of Tags) known.add(tag);
      }
      return {
        index: store.indexOf(indexNames.services),
        value: sorted([...tags].map(([name, set]) => [name, [...set]] as const)),
      };
    },
  });
}

function instances(services: Services, request: ApiRequest) {
  const { store } = services;
  const name = nameOf(request, "service name");
  const filter = filterOf<ReturnType<typeof catalogServiceView>>(request, catalogServiceFields);
  const hasTags = tagFilter(request);
  const hasMeta = nodeMetaFilter(request);
  return readJson(services, request, {
    interest: { topics: [topics.service(name)] },
    consistency: true,
    cacheable: true,
    run: () => {
      const rows = store.services
        .group("name", name.toLowerCase())
        .filter(({ Tags }) => hasTags(Tags))
        .flatMap((service) => {
          const node = store.nodes.get(service.Node.toLowerCase());
          return node === undefined || !hasMeta(node.Meta) ? [] : [catalogServiceView(node, service)];
        });
      return { index: serviceIndex(store, name, "catalog"), value: filter(rows) };
    },
  });
}

function node(services: Services, request: ApiRequest) {
  const { store } = services;
  const name = nameOf(request, "node name");
  const filter = filterOf<ReturnType<typeof serviceView>>(request, nodeServiceFields);
  return readJson(services, request, {
    interest: { topics: [topics.node(name)] },
    consistency: true,
    run: () => {
      const row = store.nodes.get(name.toLowerCase());
      const views = filter(store.services.group("node", name.toLowerCase()).map(serviceView));
      const value = row === undefined ? null : { Node: row, Services: sorted(views.map((view) => [view.ID, view])) };
      return { index: nodeIndex(store, name), value };
    },
  });
}
