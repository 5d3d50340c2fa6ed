import { execa } from "execa";
import getPort from "get-port";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { personalGit } from "./git-repository.ts";

/** A server on loopback that serves the bare repositories below a directory. */
export interface GitServer extends AsyncDisposable {
  /** Address of a repository by its path below the directory. */
  url(repository: string): string;
  port: number;
}

/** git-daemon(1). */
export async function gitDaemon(root: string): Promise<GitServer> {
  const port = await getPort({ host: "127.0.0.1" });
  const options = [
    "--export-all",
    "--enable=receive-pack",
    "--reuseaddr",
    "--listen=127.0.0.1",
    `--port=${port}`,
    `--base-path=${root}`,
  ];
  // `git daemon` itself leaves its child behind when it is ended.
  const program = join((await execa("git", ["--exec-path"])).stdout, "git-daemon");
  const child = spawn(program, [...options, root], { env: personalGit, stdio: "ignore" });
  for (let reached = false; !reached && child.exitCode === null;) {
    const socket = connect(port, "127.0.0.1");
    reached = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
  }
  return {
    port,
    url: (repository) => `git://127.0.0.1:${port}/${repository}`,
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, "exit");
      if (child.kill()) await ended;
    },
  };
}

/** Smart HTTP, by git-http-backend(1). `protocol` 0 is what servers speak that do not know the newer ones. */
export async function smartHttp(root: string, { protocol = 2 }: { protocol?: 0 | 2 } = {}): Promise<GitServer> {
  return await http((request, response) => {
    const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
    const headers = request.headers;
    const child = spawn("git", ["http-backend"], {
      env: {
        ...personalGit,
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: "1",
        REQUEST_METHOD: request.method,
        PATH_INFO: decodeURIComponent(pathname),
        QUERY_STRING: search.slice(1),
        CONTENT_TYPE: headers["content-type"],
        HTTP_CONTENT_ENCODING: headers["content-encoding"],
        GIT_PROTOCOL: protocol === 0 ? undefined : (headers["git-protocol"] as string | undefined),
        REMOTE_ADDR: "127.0.0.1",
      },
      stdio: ["pipe", "pipe", "ignore"],
    });
    child.stdin.on("error", () => {});
    request.pipe(child.stdin);
    answer(child.stdout, response);
  });
}

/** RFC 3875: a CGI's headers, an empty line, its body. */
function answer(output: NodeJS.ReadableStream, response: ServerResponse): void {
  let head = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    output.off("data", onData);
    for (const line of head.toString("latin1", 0, end).split("\r\n")) {
      const [name = "", value = ""] = line.split(": ");
      if (name === "Status") response.statusCode = Number(value.split(" ")[0]);
      else response.setHeader(name, value);
    }
    response.write(head.subarray(end + 4));
    output.pipe(response);
  };
  output.on("data", onData).on("end", () => response.end());
}

/** Files as they lie there: the repository must have run `git update-server-info`. */
export async function dumbHttp(root: string): Promise<GitServer> {
  return await http((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    createReadStream(join(root, decodeURIComponent(pathname)))
      .on("error", () => response.writeHead(404).end())
      .pipe(response);
  });
}

async function http(listener: (request: IncomingMessage, response: ServerResponse) => void): Promise<GitServer> {
  const server = createHttpServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: (repository) => `http://127.0.0.1:${port}/${repository}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await closed(server);
    },
  };
}

export interface Proxy extends AsyncDisposable {
  port: number;
  /** Bytes that came from the server so far. */
  received: number;
  /** Cuts every connection once so many more bytes have come; undefined lets all pass. */
  cutAfter: number | undefined;
}

/** Passes connections on to a port of this machine, counts, and cuts them when told to. */
export async function cuttingProxy(target: number): Promise<Proxy> {
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    for (const socket of [client, upstream]) socket.on("error", () => {});
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
    client.pipe(upstream);
    upstream.on("data", (chunk: Buffer) => {
      proxy.received += chunk.length;
      if (proxy.cutAfter !== undefined) {
        proxy.cutAfter -= chunk.length;
        if (proxy.cutAfter <= 0) return void client.destroy();
      }
      client.write(chunk);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: Proxy = {
    port: (server.address() as AddressInfo).port,
    received: 0,
    cutAfter: undefined,
    [Symbol.asyncDispose]: () => closed(server),
  };
  return proxy;
}

async function closed(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
}
