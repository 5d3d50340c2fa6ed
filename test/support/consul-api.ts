import { expect } from "vitest";
import { poll } from "../../src/core/retry.ts";

export interface Answer {
  status: number;
  headers: Headers;
  /** The body, parsed where it is JSON. */
  body: unknown;
  /** X-Consul-Index, which may be beyond a JavaScript number; empty without one. */
  index: string;
  /** How long it took. */
  ms: number;
}

type Body = string | Uint8Array<ArrayBuffer> | object;

/** Sends requests to an agent's HTTP API as they stand, below `/v1/`. */
export class ConsulApi {
  address = "";

  async send(method: string, path: string, body?: Body): Promise<Answer> {
    const before = performance.now();
    const response = await fetch(`http://${this.address}/v1/${path}`, {
      method,
      redirect: "manual",
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: response.headers.get("content-type") === "application/json" ? JSON.parse(text) : text,
      index: response.headers.get("x-consul-index") ?? "",
      ms: performance.now() - before,
    };
  }

  get(path: string): Promise<Answer> {
    return this.send("GET", path);
  }

  put(path: string, body?: Body): Promise<Answer> {
    return this.send("PUT", path, body);
  }

  delete(path: string): Promise<Answer> {
    return this.send("DELETE", path);
  }

  /** The body of a read that succeeds. */
  async read<T = unknown>(path: string): Promise<T> {
    const { status, body } = await this.get(path);
    expect(status, `GET ${path}: ${JSON.stringify(body)}`).toBe(200);
    return body as T;
  }

  /** A write that succeeds; its body. */
  async write<T = unknown>(path: string, body?: Body): Promise<T> {
    const answer = await this.put(path, body);
    expect(answer.status, `PUT ${path}: ${JSON.stringify(answer.body)}`).toBe(200);
    return answer.body as T;
  }

  /** Asks again and again until the answer's body passes; a read of something that an agent does in its own time. */
  async settles<T>(path: string, passes: (body: T) => boolean): Promise<T> {
    let last: unknown;
    const settled = await poll(async () => passes((last = (await this.get(path)).body) as T), { timeoutMs: 15_000 });
    expect(settled, `GET ${path} stays ${JSON.stringify(last)}`).toBe(true);
    return last as T;
  }

  /** Registers a service with this agent; without a check it counts as passing. */
  async register(definition: object): Promise<void> {
    await this.write("agent/service/register", definition);
  }

  async createSession(definition: object = {}): Promise<string> {
    return (await this.write<{ ID: string }>("session/create", definition)).ID;
  }

  /** Waits until a query that blocks at its present index answers. */
  async follow(path: string): Promise<{ next: Promise<Answer>; index: string }> {
    const { index } = await this.get(path);
    return { index, next: this.get(blocking(path, index, "60s")) };
  }

  /**
   * Does something while queries block: those of `wakes` must answer because of it, those of `sleeps` must wait out
   * their time.
   */
  async effect(act: () => Promise<unknown>, { wakes = [], sleeps = [] }: Effect): Promise<void> {
    const indexes = await Promise.all([...wakes, ...sleeps].map(async (path) => (await this.get(path)).index));
    const waking = wakes.map((path, at) => this.get(blocking(path, indexes[at] ?? "", "30s")));
    const sleeping = sleeps.map((path, at) =>
      this.get(blocking(path, indexes[wakes.length + at] ?? "", `${quietMs}ms`)),
    );
    await act();
    const woken = (await Promise.all(waking)).map(({ ms }, at) => (ms < 30_000 ? wakes[at] : "nothing woke it"));
    expect(woken).toEqual(wakes);
    const slept = (await Promise.all(sleeping)).map(({ ms }, at) => (ms >= quietMs - 1 ? sleeps[at] : "it woke"));
    expect(slept).toEqual(sleeps);
  }
}

interface Effect {
  wakes?: readonly string[];
  sleeps?: readonly string[];
}

/** How long a query must stay quiet to count as asleep. */
const quietMs = 500;

export function blocking(path: string, index: string, wait: string): string {
  return `${path}${path.includes("?") ? "&" : "?"}index=${index}&wait=${wait}`;
}
