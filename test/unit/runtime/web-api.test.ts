import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import { createRegistrar } from "../../../src/runtime/codegen.ts";
import { Code, RpcError, serve, Service, type RunningServer, type Server } from "../../../src/runtime/index.ts";
import { Shelf } from "../../fixtures/proto/test/shelf_pb.ts";
import { EchoService } from "../../support/echo.ts";

const registerShelf = createRegistrar(Shelf);

class ShelfService extends Service {
  override desc() {
    return "keeps books";
  }
  override register(server: Server) {
    new EchoService({
      say: (_ctx, { text, number }) => {
        if (text === "secret") throw new Error("the password is 1234");
        if (text === "none")
          throw new RpcError(Code.NotFound, "nothing to say", { reason: "SILENCE", fields: { text } });
        return { text, number };
      },
    }).register(server);
    registerShelf(server, {
      get: (_ctx, { shelf, id, name, full, tags, page }) => ({
        id: `${shelf}/${id}${name}`,
        title: JSON.stringify({ full, tags, page: Number(page) }),
      }),
      put: (_ctx, { shelf, book, dry }) => ({
        book: { id: `${shelf}/${book?.id}`, title: `${book?.title} ${dry}` },
        created: true,
      }),
      upload: (_ctx, { title, filename, data }) => ({ title, filename, bytes: BigInt(data.length) }),
      uploadStream: async (_ctx, pieces) => {
        let [title, filename, bytes] = ["", "", 0n];
        for await (const piece of pieces) {
          title ||= piece.title;
          filename ||= piece.filename;
          bytes += BigInt(piece.data.length);
        }
        return { title, filename, bytes };
      },
    });
  }
}

let server: RunningServer;
let base: string;

beforeAll(async () => {
  server = await serve(new ShelfService(), {
    name: "shelf",
    port: 0,
    consul: false,
    handleSignals: false,
    webApi: { maxBodyBytes: 1_000_000, corsOrigins: ["https://app.example.com"] },
  });
  base = `http://${server.address}`;
  return () => server.stop();
});

async function post(path: string, body: unknown, init: RequestInit = {}): Promise<{ status: number; json: unknown }> {
  const response = await fetch(`${base}${path}`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
  });
  return { status: response.status, json: await response.json() };
}

describe("POST /api/<service>/<method>", () => {
  test("speaks ProtoJSON: 64-bit numbers are text, defaults are there", async () => {
    expect(await post("/api/test.Echo/Say", { text: "hi", number: "9007199254740993" })).toEqual({
      status: 200,
      json: { text: "hi", number: "9007199254740993" },
    });
    expect(await post("/api/test.Echo/Say", "")).toEqual({ status: 200, json: { text: "", number: "0" } });
  });

  test("a stream is a line of JSON per message", async () => {
    const response = await fetch(`${base}/api/test.Echo/Count`, { method: "POST", body: '{"to":3}' });
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    expect(
      (await response.text())
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { number: string }).number),
    ).toEqual(["1", "2", "3"]);
  });

  test.each([
    ["an error of the service", "/api/test.Echo/Say", { text: "none" }, 404, "SILENCE"],
    ["a method that is not enabled", "/api/test.Echo/Join", {}, 404, "NO_ROUTE"],
    ["a method that is not there", "/api/test.Echo/Nope", {}, 404, "NO_ROUTE"],
    ["no JSON", "/api/test.Echo/Say", "{", 400, "BAD_JSON"],
    ["a wrong type", "/api/test.Echo/Say", { text: 1 }, 400, "BAD_JSON"],
    ["an unknown field", "/api/test.Echo/Say", { txt: "" }, 400, "BAD_JSON"],
    ["a body over the limit", "/api/test.Echo/Say", { text: "x".repeat(1_000_001) }, 413, "BODY_TOO_LARGE"],
    ["a method that is not public, without a verifier", "/api/test.Echo/Private", {}, 401, "NO_VERIFIER"],
  ])("%s is a google.rpc.Status", async (...[, path, body, status, reason]) => {
    expect(await post(path, body)).toMatchObject({
      status,
      json: { code: expect.any(Number), message: expect.any(String), details: [{ reason }] },
    });
  });

  test("what nobody declared stays inside: no message, no stack, but the id that leads to the log", async () => {
    const { status, json } = await post("/api/test.Echo/Say", { text: "secret" });
    expect(status).toBe(500);
    expect(JSON.stringify(json)).not.toContain("1234");
    expect(json).toMatchObject({
      message: "internal error",
      details: [{ metadata: { "flow.id": expect.stringMatching(/^[0-9a-f]+$/) } }],
    });
  });

  test("other verbs are refused with those that are allowed", async () => {
    const response = await fetch(`${base}/api/test.Echo/Say`, { method: "PROPFIND" });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("POST, OPTIONS");
  });

  test("a browser of an allowed origin may call, another gets no permission", async () => {
    const preflight = (origin: string) =>
      fetch(`${base}/api/test.Echo/Say`, { method: "OPTIONS", headers: { origin } });
    expect((await preflight("https://app.example.com")).headers.get("access-control-allow-origin")).toBe(
      "https://app.example.com",
    );
    expect((await preflight("https://evil.example.com")).headers.get("access-control-allow-origin")).toBeNull();
  });
});

describe("google.api.http", () => {
  test("path and query become fields", async () => {
    const response = await fetch(`${base}/v1/shelves/top%20one/books/7?full=true&tags=a&tags=b&page=3`);
    expect(await response.json()).toEqual({
      id: "top one/7",
      title: JSON.stringify({ full: true, tags: ["a", "b"], page: 3 }),
    });
  });

  test("an additional binding with a pattern works, an unknown parameter is named", async () => {
    expect(await (await fetch(`${base}/v1/books/9`)).json()).toMatchObject({ id: "/books/9" });
    const response = await fetch(`${base}/v1/books/9?colour=red`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ message: expect.stringContaining("colour") });
  });

  test("body and response_body name fields", async () => {
    const response = await fetch(`${base}/v1/shelves/low?dry=true`, { method: "PUT", body: '{"id":"5","title":"T"}' });
    expect(await response.json()).toEqual({ id: "low/5", title: "T true" });
  });
});

test("OpenAPI describes exactly what is offered", async () => {
  const document = (await (await fetch(`${base}/api/openapi.json`)).json()) as {
    openapi: string;
    paths: Record<
      string,
      Record<string, { operationId: string; security: unknown[]; parameters?: { name: string; in: string }[] }>
    >;
    components: { schemas: Record<string, { properties: Record<string, unknown> }> };
  };
  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.paths).sort()).toEqual(
    [
      "/api/test.Echo/Count",
      "/api/test.Echo/Private",
      "/api/test.Echo/Say",
      "/api/test.Shelf/Get",
      "/api/test.Shelf/Put",
      "/api/test.Shelf/Upload",
      "/api/test.Shelf/UploadStream",
      "/v1/shelves/{shelf}",
      "/v1/shelves/{shelf}/books/{id}",
      "/v1/{name}",
    ].sort(),
  );
  expect(document.paths["/api/test.Echo/Say"]?.post?.security).toEqual([]);
  expect(document.paths["/api/test.Echo/Private"]?.post?.security).toEqual([{ authorization: [] }]);
  expect(
    document.paths["/v1/shelves/{shelf}/books/{id}"]?.get?.parameters?.map(({ name, in: place }) => `${place} ${name}`),
  ).toEqual(["path shelf", "path id", "query name", "query full", "query tags", "query page"]);
  expect(document.components.schemas["test.SayReply"]?.properties.number).toEqual({ type: "string", format: "int64" });
  const ids = Object.values(document.paths).flatMap((verbs) =>
    Object.values(verbs).map(({ operationId }) => operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
});

describe("uploads", () => {
  const form = (bytes: number) => {
    const data = new FormData();
    data.set("title", "photo");
    data.set("file", new Blob([Buffer.alloc(bytes, 1)]), "a.bin");
    return data;
  };

  test("a file becomes the bytes field, form fields become theirs", async () => {
    const response = await fetch(`${base}/api/test.Shelf/Upload`, { method: "POST", body: form(1_000) });
    expect(await response.json()).toEqual({ title: "photo", filename: "a.bin", bytes: "1000" });
  });

  test("one that is too large is refused, one without a form too", async () => {
    expect((await fetch(`${base}/api/test.Shelf/Upload`, { method: "POST", body: form(1_100_000) })).status).toBe(413);
    expect((await post("/api/test.Shelf/Upload", {})).status).toBe(400);
  });

  test("a stream takes any size in bounded memory", async () => {
    const total = 256 * 1024 ** 2;
    const boundary = "xxBOUNDARYxx";
    const before = process.memoryUsage().rss;
    let peak = 0;
    const answer = await new Promise<string>((resolve, reject) => {
      const request = httpRequest(
        `${base}/api/test.Shelf/UploadStream`,
        { method: "POST", headers: { "content-type": `multipart/form-data; boundary=${boundary}` } },
        (response) => {
          let text = "";
          response.on("data", (chunk) => (text += String(chunk))).on("end", () => resolve(text));
        },
      );
      request.on("error", reject);
      request.write(
        `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`,
      );
      const chunk = Buffer.alloc(1024 ** 2, 2);
      let sent = 0;
      const more = (): void => {
        peak = Math.max(peak, process.memoryUsage().rss);
        if (sent === total) return void request.end(`\r\n--${boundary}--\r\n`);
        sent += chunk.length;
        if (request.write(chunk)) setImmediate(more);
        else request.once("drain", more);
      };
      more();
    });
    expect(JSON.parse(answer)).toEqual({ title: "", filename: "big.bin", bytes: String(total) });
    // Sender and receiver share this process.
    expect(peak - before).toBeLessThan(160 * 1024 ** 2);
  }, 60_000);
});

describe("one port for both", () => {
  const exchange = (pieces: readonly string[], until: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(server.port, "127.0.0.1");
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        if (text.includes(until)) socket.destroy();
      });
      socket.on("close", () => resolve(text)).on("error", reject);
      void (async () => {
        for (const piece of pieces) {
          socket.write(piece);
          await new Promise((next) => setTimeout(next, 5));
        }
      })();
    });

  test("an HTTP/2 preface in single bytes is understood: the answer is a SETTINGS frame", async () => {
    const settings = "\0\0\0\u0004\0\0\0\0\0";
    const answer = await exchange([..."PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", settings], "\u0004");
    expect(answer.charCodeAt(3)).toBe(4);
  });

  test.each([
    [
      "POST, which begins like the preface",
      "POST /api/test.Echo/Say HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
      "200 OK",
    ],
    ["PROPFIND too", "PROPFIND / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404"],
  ])("%s, in single bytes, is HTTP/1.1", async (_name, text, expected) => {
    expect(await exchange([...text], "}")).toContain(expected);
  });
});
