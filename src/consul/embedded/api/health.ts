import { ApiError } from "../http/errors.ts";
import { checkFields, healthServiceFields } from "../filter/fields.ts";
import type { ApiRequest } from "../http/request.ts";
import type { Routes } from "../http/router.ts";
import { serviceIndex } from "../store/catalog.ts";
import type { CheckRow, ServiceRow } from "../store/rows.ts";
import { serviceKey, type Store } from "../store/store.ts";
import { indexNames, topics } from "../store/topics.ts";
import { filterOf, nameOf, nodeMetaFilter, readJson, tagFilter } from "./read.ts";
import type { Services } from "./services.ts";
import { checkRowView, serviceView } from "./views.ts";

/** https://developer.hashicorp.com/consul/api-docs/health */
export function healthRoutes(services: Services): Routes {
  const { store } = services;
  const checks = (request: ApiRequest, topic: string, rows: () => CheckRow[]) => {
    const filter = filterOf<CheckRow>(request, checkFields);
    const hasMeta = nodeMetaFilter(request);
    return readJson(services, request, {
      interest: { topics: [topic] },
      consistency: true,
      run: () => ({
        index: store.indexOf(indexNames.checks),
        value: filter(rows().filter(({ Node }) => hasMeta(store.nodes.get(Node.toLowerCase())?.Meta))).map(
          checkRowView,
        ),
      }),
    });
  };
  return {
    "/v1/health/node/": {
      GET: (request) => {
        const node = nameOf(request, "node name").toLowerCase();
        return checks(request, topics.checksOfNode(node), () => store.checks.group("node", node));
      },
    },
    "/v1/health/checks/": {
      GET: (request) => {
        const name = nameOf(request, "service name").toLowerCase();
        return checks(request, topics.checksOfService(name), () => store.checks.group("serviceName", name));
      },
    },
    "/v1/health/state/": {
      GET: (request) => {
        const state = nameOf(request, "check state");
        return checks(request, topics.checksInState(state), () =>
          store.checks.all().filter(({ Status }) => state === "any" || Status === state),
        );
      },
    },
    "/v1/health/service/": { GET: (request) => serviceHealth(services, request) },
  };
}

function serviceHealth(services: Services, request: ApiRequest) {
  const { store } = services;
  const name = nameOf(request, "service name");
  const filter = filterOf<ReturnType<typeof entry>>(request, healthServiceFields);
  const hasTags = tagFilter(request);
  const hasMeta = nodeMetaFilter(request);
  const passingOnly = passingParameter(request);
  return readJson(services, request, {
    interest: { topics: [topics.health(name)] },
    consistency: true,
    cacheable: true,
    run: () => {
      const entries = store.services
        .group("name", name.toLowerCase())
        .filter(({ Tags, Node }) => hasTags(Tags) && hasMeta(store.nodes.get(Node.toLowerCase())?.Meta))
        .map((service) => entry(store, service))
        .filter(({ Checks }) => !passingOnly || Checks.every(({ Status }) => Status === "passing"));
      return { index: serviceIndex(store, name, "health"), value: filter(entries) };
    },
  });
}

/** An instance with its node, the node's checks, and its own. */
function entry(store: Store, service: ServiceRow) {
  const ofNode = store.checks.group("node", service.Node.toLowerCase()).filter(({ ServiceID }) => ServiceID === "");
  const own = store.checks.group("service", serviceKey(service.Node, service.ID));
  return {
    Node: store.nodes.get(service.Node.toLowerCase()),
    Service: serviceView(service),
    Checks: [...ofNode, ...own].map(checkRowView),
  };
}

function passingParameter(request: ApiRequest): boolean {
  const value = request.query.params.get("passing");
  if (value === null) return false;
  if (value === "" || /^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new ApiError(400, "Invalid value for ?passing");
}
