import { parseTags } from "../../../edge/index.ts";
import type { Consul, ServiceInstance } from "../../../runtime/consul/index.ts";
import { addressOf } from "../call/locate.ts";
import { ask } from "../call/find-consul.ts";

const reflectMs = 2_000;

export interface CatalogMethod {
  /** `/common.Product/Get` */
  path: string;
  /** Undefined where only Consul's tags tell of the method. */
  kind?: "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";
  enable: boolean;
  public: boolean;
  upload: boolean;
  idempotent: boolean;
}

export interface CatalogService {
  name: string;
  description: string | null;
  /** Those that pass their checks, and all. */
  passing: number;
  instances: { id: string; address: string; status: string; node: string; version: string | null }[];
  methods: CatalogMethod[];
  /** Paths that belong to it (`flow.http=`). */
  prefixes: string[];
}

/** Every service in Consul but Consul itself, with what a passing instance says of its methods. */
export async function readCatalog(consul: Consul): Promise<CatalogService[]> {
  const names = Object.keys(await ask(consul, async () => await consul.services())).filter((name) => name !== "consul");
  return await Promise.all(names.sort().map((name) => describeService(consul, name)));
}

async function describeService(consul: Consul, name: string): Promise<CatalogService> {
  const instances = await ask(consul, async () => await consul.health(name));
  const passing = instances.filter(({ status }) => status === "passing");
  const claims = instances.flatMap(({ tags }) => parseTags(tags));
  const described = passing[0] ?? instances[0];
  return {
    name,
    description: described?.meta["flow-desc"] ?? null,
    passing: passing.length,
    instances: instances.map((instance) => ({
      id: instance.id,
      address: addressOf(instance),
      status: instance.status,
      node: instance.node,
      version: instance.meta["flow-version"] ?? null,
    })),
    methods: (await reflected(passing)) ?? tagged(instances),
    prefixes: [...new Set(claims.filter((claim) => claim.kind === "prefix").map(({ prefix }) => prefix))],
  };
}

/** Methods by reflection; undefined where no instance answers, or does not speak gRPC. */
async function reflected([instance]: readonly ServiceInstance[]): Promise<CatalogMethod[] | undefined> {
  if (instance === undefined) return undefined;
  const { reflectServices } = await import("../../../runtime/reflection.ts");
  try {
    const services = await reflectServices(addressOf(instance), { timeoutMs: reflectMs });
    return services
      .filter(({ name }) => !name.startsWith("grpc."))
      .flatMap(({ methods }) =>
        methods.map(({ path, kind, enable, public: open, upload, idempotent }) => ({
          path,
          kind,
          enable,
          public: open,
          upload,
          idempotent,
        })),
      );
  } catch {
    return undefined;
  }
}

function tagged(instances: readonly ServiceInstance[]): CatalogMethod[] {
  const found = new Map<string, CatalogMethod>();
  for (const claim of instances.flatMap(({ tags }) => parseTags(tags))) {
    if (claim.kind !== "method") continue;
    const { method, enabled, public: open, upload, idempotent } = claim;
    found.set(method, { path: method, enable: enabled, public: open, upload, idempotent });
  }
  return [...found.values()];
}
