/** What a blocking query waits for: exact topics, and keys below prefixes. */
export interface Interest {
  topics: readonly string[];
  kvPrefix?: string;
}

/** Waiters by topic. A waiter is called once at the most and is then forgotten. */
export class Watchers {
  readonly #byTopic = new Map<string, Set<() => void>>();
  readonly #byPrefix = new Map<() => void, string>();

  /** Calls `wake` at the next change of interest; the answer takes the waiter back. */
  wait({ topics, kvPrefix }: Interest, wake: () => void): () => void {
    for (const topic of topics) {
      const waiters = this.#byTopic.get(topic);
      if (waiters === undefined) this.#byTopic.set(topic, new Set([wake]));
      else waiters.add(wake);
    }
    if (kvPrefix !== undefined) this.#byPrefix.set(wake, kvPrefix);
    return () => {
      for (const topic of topics) {
        const waiters = this.#byTopic.get(topic);
        waiters?.delete(wake);
        if (waiters?.size === 0) this.#byTopic.delete(topic);
      }
      this.#byPrefix.delete(wake);
    };
  }

  /** Wakes who waits for one of the topics or for a key below a prefix. */
  notify(topics: Iterable<string>, keys: readonly string[]): void {
    const woken = new Set<() => void>();
    for (const topic of topics) for (const wake of this.#byTopic.get(topic) ?? []) woken.add(wake);
    if (keys.length > 0) {
      for (const [wake, prefix] of this.#byPrefix) if (keys.some((key) => key.startsWith(prefix))) woken.add(wake);
    }
    for (const wake of woken) wake();
  }
}
