import type { Store } from "../store/store.ts";
import type { Interest } from "../store/watchers.ts";
import { withHeaders, type Reply } from "./reply.ts";
import type { ApiRequest } from "./request.ts";

/** A read that can be repeated, and what makes repeating it worth while. */
export interface Read {
  interest: Interest;
  /** Computes the answer and its index: a number, or for events the digits of a 64-bit hash. */
  run(): { index: number | string; reply: Reply };
}

/**
 * Answers of the current generation of the state by request. A thousand equal watches that wake together compute and
 * encode their answer once.
 */
class AnswerCache {
  #generation = -1;
  readonly #answers = new Map<string, { index: number | string; reply: Reply }>();

  get(generation: number, key: string, read: Read): { index: number | string; reply: Reply } {
    if (generation !== this.#generation) {
      this.#answers.clear();
      this.#generation = generation;
    }
    let answer = this.#answers.get(key);
    if (answer === undefined) this.#answers.set(key, (answer = read.run()));
    return answer;
  }
}

const caches = new WeakMap<Store, AnswerCache>();

/**
 * Answers a read, at once or, when the client gave an index, as soon as the read's index has passed it or the wait is
 * over (https://developer.hashicorp.com/consul/api-docs/features/blocking).
 */
export async function answerRead(store: Store, request: ApiRequest, read: Read): Promise<Reply> {
  let cache = caches.get(store);
  if (cache === undefined) caches.set(store, (cache = new AnswerCache()));
  const { index: known, waitMs } = request.query;
  const end = performance.now() + jittered(waitMs);
  let gone = false;
  for (;;) {
    const { index, reply } = cache.get(store.generation, request.cacheKey, read);
    const remaining = end - performance.now();
    if (gone || known === undefined || known === "0" || remaining <= 0 || hasPassed(index, known)) {
      return withHeaders(reply, { "X-Consul-Index": String(index) });
    }
    gone = await nextChange(store, request, { interest: read.interest, ms: remaining });
  }
}

/** A wait with up to a sixteenth added, so that clients which started together part. */
export function jittered(waitMs: number): number {
  return waitMs * (1 + Math.random() / 16);
}

function hasPassed(index: number | string, known: string): boolean {
  return typeof index === "number" ? index > Number(known) : index !== known;
}

/** Waits for a change or the time; true when the client has gone meanwhile. */
export function nextChange(store: Store, request: ApiRequest, { interest, ms }: { interest: Interest; ms: number }) {
  return new Promise<boolean>((resolve) => {
    const finish = (gone: boolean) => {
      clearTimeout(timer);
      forget();
      stopListening();
      resolve(gone);
    };
    const timer = setTimeout(finish, ms, false);
    const forget = store.wait(interest, () => finish(false));
    const stopListening = request.onGone(() => finish(true));
  });
}
