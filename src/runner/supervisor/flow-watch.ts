import { readlinkSync, watch, type FSWatcher } from "node:fs";
import { basename, join } from "node:path";

/**
 * Tells when another flow comes into use in the workspace than was when the run began. The run itself goes on with its
 * own, whose files stay where they are.
 */
export class FlowWatch {
  readonly #packages: string;
  readonly #atStart: string | undefined;
  #watcher: FSWatcher | undefined;
  #told: string | undefined;

  constructor(home: string) {
    this.#packages = join(home, "pkg");
    this.#atStart = this.#inUse();
  }

  /** The version that is in use now, when it is another; undefined otherwise. */
  get other(): string | undefined {
    const now = this.#inUse();
    return now === this.#atStart ? undefined : now;
  }

  /** Calls `tell` with each version that comes into use, once. Where nothing can be watched, it never does. */
  start(tell: (version: string) => void): void {
    if (this.#atStart === undefined) return;
    try {
      this.#watcher = watch(this.#packages, { persistent: false }, (_event, file) => {
        const version = file === "current" ? this.other : undefined;
        if (version === undefined || version === this.#told) return;
        this.#told = version;
        tell(version);
      });
      this.#watcher.on("error", () => this.stop());
    } catch {
      // No more watches can be had on this machine: `flow ps` still tells.
    }
  }

  stop(): void {
    this.#watcher?.close();
  }

  /** `pkg/current/flow` names the version (src/toolchain/generation). */
  #inUse(): string | undefined {
    try {
      return basename(readlinkSync(join(this.#packages, "current", "flow")));
    } catch {
      return undefined;
    }
  }
}
