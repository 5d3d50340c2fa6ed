import { copyFile } from "node:fs/promises";
import { request } from "node:https";
import { createServer } from "node:net";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { AddressInfo, Server } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { Code, type TransportName } from "../../../src/runtime/index.ts";
import { selectTransport, type ClientTls, type Connection } from "../../../src/runtime/internal/transport/index.ts";
import { createAuthority, type Authority } from "../../support/certificates.ts";
import { serveEcho } from "../../support/echo.ts";

const check = { path: "/grpc.health.v1.Health/Check", kind: "unary" } as const;
const serving = Buffer.from([8, 1]);

/** A service that speaks TLS for 127.0.0.1. */
async function secureEcho(transport: TransportName = "native", authority?: Authority) {
  const { ca, issue } = authority ?? (await createAuthority());
  const files = await issue("IP:127.0.0.1", "DNS:localhost");
  const server = await serveEcho({}, { tls: files, transport, consul: false });
  onTestFinished(() => server.stop());
  return { server, ca, files, issue };
}

function connectTo(port: number, tls?: ClientTls, transport = "native"): Connection {
  const endpoint = { host: "127.0.0.1", port };
  const connection = selectTransport(transport).connect(endpoint, tls === undefined ? {} : { tls });
  onTestFinished(() => connection.close());
  return connection;
}

const ask = (connection: Connection) =>
  connection.unary(check, [], new Uint8Array(0), { deadline: Date.now() + 15_000 });

describe.each<[client: string, server: TransportName]>([
  ["native", "native"],
  ["native", "grpc-js"],
  ["grpc-js", "native"],
  ["grpc-js", "grpc-js"],
])("%s calls %s with TLS", (client, transport) => {
  test("by ALPN, on the port that answers HTTP/1.1, too", async () => {
    const { server, ca } = await secureEcho(transport);
    const outcome = await ask(connectTo(server.port, { ca }, client));
    expect(outcome).toMatchObject({ code: Code.Ok });
    expect(serving.equals(outcome.response as Uint8Array)).toBe(true);
    const answer = request({
      host: "127.0.0.1", port: server.port, path: "/api/test.Echo/Say", method: "POST", ca: readFileSync(ca),
      headers: { "content-type": "application/json" }, agent: false,
    }).end('{"text":"hi"}'); // prettier-ignore
    const [response] = (await once(answer, "response")) as [AsyncIterable<Buffer> & { httpVersion: string }];
    expect(response.httpVersion).toBe("1.1");
    const chunks = await Array.fromAsync(response);
    expect(JSON.parse(Buffer.concat(chunks).toString())).toMatchObject({ text: "hi" });
  });

  test("with certificates on both sides, when the server asks for one", async () => {
    const authority = await createAuthority();
    const files = await authority.issue("IP:127.0.0.1");
    const server = await serveEcho({}, { tls: { ...files, clientCa: authority.ca }, transport, consul: false });
    onTestFinished(() => server.stop());
    const own = await authority.issue("DNS:caller");
    expect((await ask(connectTo(server.port, { ca: authority.ca, ...own }, client))).code).toBe(Code.Ok);
    const without = await ask(connectTo(server.port, { ca: authority.ca }, client));
    expect(without.code).toBe(Code.Unavailable);
    if (client === "native") expect(without.message).toContain("FLOW_TLS_CERT");
  });
});

test("a new certificate serves new connections; those that are open go on, and a bad one changes nothing", async () => {
  const { server, ca, files, issue } = await secureEcho();
  const serialOf = async () => {
    const socket = connectTls({ host: "127.0.0.1", port: server.port, ca: readFileSync(ca), ALPNProtocols: ["h2"] });
    await once(socket, "secureConnect");
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const connection = connectTo(server.port, { ca });
  const echo = connection.call({ path: "/test.Echo/Chat", kind: "bidi_streaming" }, [], {});
  const answers = echo.messages[Symbol.asyncIterator]();
  await echo.write(Buffer.from([10, 1, 97]));
  expect((await answers.next()).done).toBe(false);
  const first = await serialOf();
  const next = await issue("IP:127.0.0.1");
  await copyFile(next.cert, files.cert);
  // Between the two files the pair does not fit.
  server.reloadTls();
  expect(await serialOf()).toBe(first);
  await copyFile(next.key, files.key);
  server.reloadTls();
  expect(await serialOf()).not.toBe(first);
  await echo.write(Buffer.from([10, 1, 98]));
  expect((await answers.next()).done).toBe(false);
  echo.end();
  expect((await echo.outcome).code).toBe(Code.Ok);
});

test("files that change are taken without being told", { timeout: 30_000 }, async () => {
  const { server, ca, files, issue } = await secureEcho();
  const next = await issue("DNS:elsewhere");
  await copyFile(next.key, files.key);
  await copyFile(next.cert, files.cert);
  await expect
    .poll(async () => (await ask(connectTo(server.port, { ca, serverName: "elsewhere" }))).code, { timeout: 20_000 })
    .toBe(Code.Ok);
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe("what does not fit is UNAVAILABLE, with the peer's side of it and what to change", () => {
  const said = async (port: number, tls?: ClientTls) => {
    const { code, message, unprocessed } = await ask(connectTo(port, tls));
    expect({ code, unprocessed }).toEqual({ code: Code.Unavailable, unprocessed: true });
    return message;
  };

  test("a client without TLS at a TLS port of ours", async () => {
    expect(await said((await secureEcho()).server.port)).toContain("this port speaks TLS: call it with TLS");
  });

  test("a client without TLS at a TLS port of others", async () => {
    const { issue } = await createAuthority();
    const { cert, key } = await issue("IP:127.0.0.1");
    const silent = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) });
    expect(await said(await listening(silent))).toContain("closed the connection before it spoke HTTP/2");
    const alert = createServer((socket) => socket.on("error", () => {}).end(Buffer.from([21, 3, 1, 0, 2, 2, 70])));
    expect(await said(await listening(alert))).toContain("the peer wants TLS");
  });

  test("a TLS client at a plain port, of ours and of others", async () => {
    const { ca } = await createAuthority();
    const server = await serveEcho({}, { consul: false });
    onTestFinished(() => server.stop());
    expect(await said(server.port, { ca })).toContain("does not speak TLS on this port: call it without TLS");
    const other = createServer((socket) => socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    expect(await said(await listening(other), { ca })).toContain("does not speak TLS on this port");
  });

  test("an authority that is not trusted, a name that is another, a file that is not there", async () => {
    const { server, ca } = await secureEcho();
    const { ca: other } = await createAuthority();
    expect(await said(server.port, { ca: other })).toMatch(
      /nobody that is trusted here signed .* FLOW_TLS_CA, which is/,
    );
    expect(await said(server.port, { ca, serverName: "shop.internal" })).toMatch(
      /not for shop\.internal .*FLOW_TLS_NAME/,
    );
    expect(await said(server.port, { ca: "/does/not/exist.pem" })).toContain("/does/not/exist.pem");
  });

  test("TLS without HTTP/2, and HTTP/1 without TLS", async () => {
    const { ca, issue } = await createAuthority();
    const { cert, key } = await issue("IP:127.0.0.1");
    const options = { cert: readFileSync(cert), key: readFileSync(key), ALPNProtocols: ["http/1.1"] };
    const server = createTlsServer(options, (socket: TLSSocket) => void socket.on("error", () => {}).end());
    expect(await said(await listening(server), { ca })).toContain("speaks TLS, but not HTTP/2 (ALPN)");
    const plain = createServer((socket) => socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    expect(await said(await listening(plain))).toContain("the peer speaks HTTP/1, not HTTP/2");
  });

  test("HTTP/1 without TLS at a TLS port gets an answer that says so", async () => {
    const { server } = await secureEcho();
    const response = await fetch(`http://127.0.0.1:${server.port}/`);
    expect({ status: response.status, text: await response.text() }).toEqual({
      status: 400,
      text: "this port speaks TLS: call it with TLS\n",
    });
  });
});
