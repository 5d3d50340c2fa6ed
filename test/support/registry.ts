import { createHash } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { packageTarball } from "./tarball.ts";

/** Fields of a package.json that a registry repeats, and files beside it. */
export interface PublishedPackage {
  name: string;
  version: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional: boolean }>;
  main?: string;
  exports?: unknown;
  bundleDependencies?: string[];
  scripts?: Record<string, string>;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  license?: string;
  files?: Record<string, string | Uint8Array>;
  /** The archive itself, instead of one made of `files`. */
  tarball?: Buffer;
  /** What the registry promises, instead of the truth. */
  integrity?: string;
}

export interface TestRegistry {
  url: string;
  /** Paths of all requests so far. */
  requests: string[];
  publish(...packages: PublishedPackage[]): void;
  /** Requests whose path holds `part` are accepted and never answered; undefined ends it. */
  hang(part: string | undefined): void;
  /** None of these names is answered for before all of them were asked for. */
  gather(...names: string[]): void;
  /** Settings of npm that lead to it. */
  env: Record<string, string>;
}

/**
 * A registry on the loopback interface that holds what a test publishes.
 * @param token what a request must bear; none by default
 */
export async function startRegistry({ token }: { token?: string } = {}): Promise<TestRegistry> {
  const packages = new Map<string, Map<string, { manifest: object; tarball: Buffer }>>();
  const requests: string[] = [];
  let hanging: string | undefined;
  let gathering: { names: Set<string>; all: PromiseWithResolvers<void> } | undefined;
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(request.url ?? "/");
    requests.push(path);
    if (hanging !== undefined && path.includes(hanging)) return;
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401, { "content-type": "application/json" }).end('{"error":"who are you?"}');
      return;
    }
    if (gathering?.names.delete(path.slice(1)) === true) {
      if (gathering.names.size === 0) gathering.all.resolve();
      await gathering.all.promise;
    }
    const archive = /^\/-\/(.+)@([^@]+)\.tgz$/.exec(path);
    if (archive !== null) sendTarball(response, packages.get(archive[1] as string)?.get(archive[2] as string)?.tarball);
    else sendPackument(response, path.slice(1), packages.get(path.slice(1)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    url,
    requests,
    env: { npm_config_registry: url },
    hang: (part) => {
      hanging = part;
    },
    gather: (...names) => {
      gathering = { names: new Set(names), all: Promise.withResolvers() };
    },
    publish: (...published) => {
      for (const { files, tarball, integrity, ...manifest } of published) {
        const archive = tarball ?? packageTarball(manifest, files);
        const versions = packages.get(manifest.name) ?? new Map();
        packages.set(manifest.name, versions);
        const hasInstallScript = manifest.scripts?.install !== undefined || manifest.scripts?.postinstall !== undefined;
        const dist = {
          tarball: `${url}-/${manifest.name}@${manifest.version}.tgz`,
          integrity: integrity ?? `sha512-${createHash("sha512").update(archive).digest("base64")}`,
        };
        versions.set(manifest.version, {
          manifest: { ...manifest, ...(hasInstallScript ? { hasInstallScript } : {}), dist },
          tarball: archive,
        });
      }
    },
  };
}

function sendTarball(response: ServerResponse, tarball: Buffer | undefined): void {
  if (tarball === undefined) response.writeHead(404).end();
  else response.writeHead(200, { "content-type": "application/octet-stream" }).end(tarball);
}

function sendPackument(
  response: ServerResponse,
  name: string,
  versions: ReadonlyMap<string, { manifest: object }> | undefined,
): void {
  if (versions === undefined) {
    response.writeHead(404, { "content-type": "application/json" }).end('{"error":"not found"}');
    return;
  }
  const latest = [...versions.keys()].at(-1);
  const all = Object.fromEntries([...versions].map(([version, { manifest }]) => [version, manifest]));
  // A real registry lets nobody cache what may change any moment.
  response
    .writeHead(200, { "content-type": "application/json", "cache-control": "no-store" })
    .end(JSON.stringify({ name, "dist-tags": { latest }, versions: all }));
}
