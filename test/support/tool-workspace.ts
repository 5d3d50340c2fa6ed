import { createHash } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { stringify } from "yaml";
import { loadWorkspaceAt, type Workspace } from "../../src/config/index.ts";
import { testContext } from "./context.ts";
import { writeFiles } from "./git-repository.ts";
import { tempDirectory } from "./temp.ts";

/** A workspace that pins these tools and nothing else, and a context to work in it. */
export async function toolWorkspace(tools: object, env: Record<string, string> = {}) {
  const home = await tempDirectory("flow tools");
  const ctx = testContext(home, { env: { PATH: process.env.PATH, HOME: home, ...env } });
  const pin = async (wanted: object): Promise<Workspace> => {
    const definition = {
      organization: "acme",
      module: "example.com/acme",
      mirror: { url: "./mirror.git" },
      tools: wanted,
    };
    await writeFiles(home, { "flow.yaml": stringify(definition) });
    return await loadWorkspaceAt(home, {});
  };
  return { ctx, home, pin, bin: join(home, "bin"), workspace: await pin(tools) };
}

/** A program that tells its version. */
export function program(name: string, version: string): string {
  return `#!/bin/sh\necho "${name} ${version}"\n`;
}

export function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** An HTTP server on the loopback interface; gives its address without a final slash. */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
