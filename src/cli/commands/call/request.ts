import { FlowError } from "../../../core/errors.ts";

export interface CallWords {
  service: string | undefined;
  /** `/common.Product/Get` */
  method: string;
  /** The request as it was typed; `-` for standard input. */
  json: string | undefined;
}

/** `[SERVICE] METHOD [JSON]`: a service's name has neither dot nor slash. @throws FlowError FLOW_USAGE */
export function parseWords(words: readonly string[]): CallWords {
  const rest = [...words];
  const service = /^[a-z0-9-]+$/.test(rest[0] ?? "") ? rest.shift() : undefined;
  const [method, json, ...surplus] = rest;
  if (method === undefined) {
    throw new FlowError("FLOW_USAGE", `which method of ${service ?? "which service"}?`, {
      hint: 'for example: flow call product /common.Product/Get \'{"id": "012345"}\'',
    });
  }
  if (surplus.length > 0) {
    throw new FlowError("FLOW_USAGE", `one word too many: ${surplus[0]}`, { hint: "put the JSON in single quotes" });
  }
  return { service, method: parseMethod(method), json };
}

/** `/common.Product/Get`, `common.Product/Get` and `common.Product.Get` are the same. */
export function parseMethod(text: string): string {
  const [, service, method] = /^\/?([A-Za-z_][\w.]*)[/.]([A-Za-z_]\w*)$/.exec(text) ?? [];
  if (service === undefined) {
    throw new FlowError("FLOW_USAGE", `"${text}" is no method`, {
      hint: "write /package.Service/Method, package.Service/Method or package.Service.Method",
    });
  }
  return `/${service}/${method}`;
}

/** `name=value` pairs as metadata. @throws FlowError FLOW_USAGE */
export function parseHeaders(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      const name = pair.slice(0, at).toLowerCase();
      if (at <= 0 || !/^[a-z0-9_.-]+$/.test(name)) {
        throw new FlowError("FLOW_USAGE", `--header: "${pair}" is no name=value`);
      }
      return [name, pair.slice(at + 1)];
    }),
  );
}

const units = { ms: 1, s: 1_000, m: 60_000, "": 1_000 } as const;

/** `500ms`, `5s`, `2m` or a bare number of seconds, as ms. @throws FlowError FLOW_USAGE */
export function parseTimeout(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|)$/.exec(text) ?? [];
  const ms = Math.round(Number(number) * units[(unit ?? "") as keyof typeof units]);
  if (!(ms > 0)) {
    throw new FlowError("FLOW_USAGE", `--timeout: "${text}" is no duration`, { hint: "for example 500ms, 5s or 2m" });
  }
  return ms;
}

/** The requests in a text: one JSON document, several, or one array of them. @throws FlowError FLOW_USAGE */
export function parseRequests(text: string): unknown[] {
  const documents = new JsonSplitter();
  const requests = [...documents.take(text), ...documents.end()];
  return requests.flatMap((request) => (Array.isArray(request) ? (request as unknown[]) : [request]));
}

/** The requests that arrive on a stream, each as soon as it is whole. */
export async function* readRequests(input: AsyncIterable<Buffer | string>): AsyncGenerator<unknown> {
  const documents = new JsonSplitter();
  const decoder = new TextDecoder();
  for await (const chunk of input) {
    yield* documents.take(typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true }));
  }
  yield* documents.take(decoder.decode());
  yield* documents.end();
}

/** Cuts a text that comes in pieces into the JSON objects and arrays that stand in it one after the other. */
class JsonSplitter {
  #text = "";
  #scanned = 0;
  #depth = 0;
  #inString = false;

  /** The documents that are complete with this piece. */
  *take(piece: string): Generator<unknown> {
    this.#text += piece;
    for (; this.#scanned < this.#text.length; this.#scanned++) {
      const character = this.#text[this.#scanned];
      if (this.#inString) {
        if (character === "\\") this.#scanned++;
        else if (character === '"') this.#inString = false;
      } else if (character === '"') this.#inString = true;
      else if (character === "{" || character === "[") this.#depth++;
      else if (character === "}" || character === "]") {
        this.#depth--;
        if (this.#depth > 0) continue;
        const document = this.#text.slice(0, this.#scanned + 1);
        this.#text = this.#text.slice(this.#scanned + 1);
        this.#scanned = -1;
        this.#depth = 0;
        yield parse(document);
      }
    }
  }

  /** What is left when nothing comes any more. */
  *end(): Generator<unknown> {
    if (this.#text.trim() !== "") yield parse(this.#text);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FlowError("FLOW_USAGE", "the request is not valid JSON", {
      cause: error,
      hint: "put the JSON in single quotes, so that the shell leaves its double quotes alone",
    });
  }
}
