import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { checkoutRoot } from "./context.ts";

interface Position {
  line: number;
  character: number;
}

export interface LanguageServer {
  /** Where Go to Definition leads from the last character of the first occurrence of `text` in a file. */
  definitions(path: string, text: string): Promise<{ path: string; line: number }[]>;
  /** What hovering over it shows. */
  hover(path: string, text: string): Promise<string>;
  stop(): void;
}

/** TypeScript's own language server, as an editor runs it on `root`. */
export async function startLanguageServer(root: string): Promise<LanguageServer> {
  const child = spawn(process.execPath, [join(checkoutRoot, "node_modules/typescript/bin/tsc"), "--lsp", "--stdio"], {
    cwd: root,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let buffer = Buffer.alloc(0);
  const send = (message: object) => {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    child.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  };
  child.stdout.on("data", (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    for (;;) {
      const head = buffer.indexOf("\r\n\r\n");
      const length = Number(/Content-Length: (\d+)/i.exec(buffer.subarray(0, Math.max(head, 0)).toString())?.[1]);
      if (head < 0 || buffer.length < head + 4 + length) return;
      const message = JSON.parse(buffer.subarray(head + 4, head + 4 + length).toString()) as {
        id?: number;
        method?: string;
        result?: unknown;
        error?: { message: string };
      };
      buffer = buffer.subarray(head + 4 + length);
      if (message.method !== undefined) {
        // The server asks its client for settings and the like; none is an answer too.
        if (message.id !== undefined) send({ id: message.id, result: null });
      } else if (message.error) pending.get(message.id ?? -1)?.reject(new Error(message.error.message));
      else pending.get(message.id ?? -1)?.resolve(message.result);
    }
  });
  let last = 0;
  const request = async (method: string, params: object): Promise<unknown> =>
    await new Promise((resolve, reject) => {
      last += 1;
      pending.set(last, { resolve, reject });
      send({ id: last, method, params });
    });
  await request("initialize", {
    processId: process.pid,
    rootUri: pathToFileURL(root).href,
    capabilities: { textDocument: { definition: { linkSupport: true }, hover: { contentFormat: ["markdown"] } } },
  });
  send({ method: "initialized", params: {} });

  const at = async (path: string, text: string): Promise<object> => {
    const content = await readFile(path, "utf8");
    const uri = pathToFileURL(path).href;
    send({
      method: "textDocument/didOpen",
      params: { textDocument: { uri, languageId: "typescript", version: 1, text: content } },
    });
    return { textDocument: { uri }, position: positionOf(content, content.indexOf(text) + text.length - 1) };
  };
  return {
    definitions: async (path, text) => {
      const result = (await request("textDocument/definition", await at(path, text))) as LocationLink[] | null;
      return (result ?? []).map(({ targetUri, targetSelectionRange }) => ({
        path: fileURLToPath(targetUri),
        line: targetSelectionRange.start.line + 1,
      }));
    },
    hover: async (path, text) => {
      const result = (await request("textDocument/hover", await at(path, text))) as {
        contents?: { value?: string };
      } | null;
      return result?.contents?.value ?? "";
    },
    stop: () => void child.kill(),
  };
}

interface LocationLink {
  targetUri: string;
  targetSelectionRange: { start: Position };
}

function positionOf(content: string, offset: number): Position {
  const before = content.slice(0, offset).split("\n");
  return { line: before.length - 1, character: before.at(-1)?.length ?? 0 };
}
