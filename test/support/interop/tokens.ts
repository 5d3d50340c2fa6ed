import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { tempDirectory } from "../temp.ts";

export interface Tokens {
  /** A service account's key, whose tokens come from this server. */
  keyFile: string;
  account: string;
  scope: string;
  /** host:port of what a machine of Google's cloud asks for its identity (GCE_METADATA_HOST). */
  metadataHost: string;
}

/** Stands in for Google's token service: whoever signs a claim gets it back as a token. */
export async function serveTokens(): Promise<Tokens> {
  const account = "interop@flow.test";
  const scope = "https://flow.test/auth";
  const answer = (token: string) => JSON.stringify({ access_token: token, token_type: "Bearer", expires_in: 3_600 });
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.setHeader("content-type", "application/json").setHeader("metadata-flavor", "Google");
      const assertion = new URLSearchParams(Buffer.concat(chunks).toString()).get("assertion");
      const claims = Buffer.from(JSON.stringify({ iss: account, scope })).toString("base64url");
      response.end(answer(assertion ?? `e30.${claims}.e30`));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close().closeAllConnections());
  const metadataHost = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2_048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const keyFile = join(await tempDirectory(), "key.json");
  const key = { type: "service_account", client_email: account, private_key_id: "1", private_key: privateKey };
  await writeFile(keyFile, JSON.stringify({ ...key, token_uri: `http://${metadataHost}/token` }));
  return { keyFile, account, scope, metadataHost };
}
