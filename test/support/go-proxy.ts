import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { zip } from "./zip.ts";

export interface PublishedModule {
  path: string;
  version: string;
  /** Without a go.mod among them the proxy makes one, as for repositories older than modules. */
  files?: Record<string, string>;
  /** Names in the archive as they are, beside those of `files`. */
  raw?: { name: string; content: string; size?: number }[];
}

export interface GoProxy {
  url: string;
  requests: string[];
  publish(...modules: PublishedModule[]): void;
  /** Requests whose path holds `part` are accepted and never answered. */
  hang(part: string): void;
  env: Record<string, string>;
}

/** A module proxy on the loopback interface (https://go.dev/ref/mod#goproxy-protocol) without a checksum database. */
export async function startGoProxy(): Promise<GoProxy> {
  const modules = new Map<string, Map<string, { mod: string; archive: Buffer }>>();
  const requests: string[] = [];
  let hanging: string | undefined;
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "/").replace(/!([a-z])/g, (_, letter: string) =>
      letter.toUpperCase(),
    );
    requests.push(path);
    if (hanging !== undefined && path.includes(hanging)) return;
    const [, module = "", what = ""] = /^\/(.+)\/(@v\/.+|@latest)$/.exec(path) ?? [];
    const versions = modules.get(module);
    const newest = [...(versions?.keys() ?? [])].at(-1);
    const [, name = newest ?? "", kind = "info"] = /^@v\/(.+)\.(info|mod|zip)$/.exec(what) ?? [];
    const found = versions?.get(name);
    if (versions !== undefined && what === "@v/list") response.end([...versions.keys()].join("\n"));
    else if (found === undefined) response.writeHead(404).end("not found");
    else if (kind === "zip") response.end(found.archive);
    else if (kind === "mod") response.end(found.mod);
    else response.end(JSON.stringify({ Version: name, Time: "2020-01-01T00:00:00Z" }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    requests,
    env: { GOPROXY: url, GOSUMDB: "off", GOENV: "off" },
    hang: (part) => {
      hanging = part;
    },
    publish: (...published) => {
      for (const { path, version, files = {}, raw = [] } of published) {
        const entries = Object.entries(files).map(([name, content]) => ({
          name: `${path}@${version}/${name}`,
          content,
        }));
        const versions = modules.get(path) ?? new Map();
        modules.set(path, versions);
        versions.set(version, { mod: files["go.mod"] ?? `module ${path}\n`, archive: zip([...entries, ...raw]) });
      }
    },
  };
}
