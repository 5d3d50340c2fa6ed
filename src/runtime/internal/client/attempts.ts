import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { setTimeout as delay } from "node:timers/promises";
import { Code } from "../../code.ts";
import type { Outcome } from "../transport/transport.ts";
import type { CallSite } from "./call.ts";
import type { Instance, Target } from "./target.ts";

const mostAttempts = 3;

/** With less time than this before the deadline another try is of no use, in ms. */
const shortestTryMs = 10;

/**
 * The tries of one call. A try that reached nobody has cost nobody anything: such a call may ask every instance once,
 * which is what becomes of callers that have not yet heard of a rolling restart. Any other repetition is extra load; it
 * needs a method that does no harm, and is paid from the target's budget.
 */
export class Attempts {
  readonly #site: CallSite;
  readonly #deadline: number;
  readonly #tried = new Set<string>();
  #made = 0;

  /** `deadline`: epoch ms. */
  constructor(site: CallSite, deadline: number) {
    this.#site = site;
    this.#deadline = deadline;
  }

  /** The instance to try next, after a short pause once all were tried. @throws RpcError UNAVAILABLE */
  next(method: string): Instance | Promise<Instance> {
    // Asked for each time: targets are closed when the process's last server has stopped.
    const target = this.#site.target();
    if (this.#made++ > 0) return this.#nextAgain(target, method);
    target.budget.deposit();
    return target.pick(method, this.#tried, this.#deadline);
  }

  async #nextAgain(target: Target, method: string): Promise<Instance> {
    if (this.#tried.size >= target.instances.length) await delay(25 * (this.#made - 1) * (1 + Math.random()));
    return await target.pick(method, this.#tried, this.#deadline);
  }

  /** Whether to try again after this outcome; takes what that costs. */
  mayGoOn(outcome: Outcome, instance: Instance): boolean {
    const { ctx, target } = this.#site;
    if (outcome.code !== Code.Unavailable || ctx.cancellation?.aborted === true) return false;
    if (this.#deadline - Date.now() < shortestTryMs) return false;
    this.#tried.add(instance.key);
    if (outcome.unprocessed) {
      return this.#made < mostAttempts || target().instances.some(({ key }) => !this.#tried.has(key));
    }
    return this.#made < mostAttempts && this.#isHarmless() && target().budget.withdraw();
  }

  #isHarmless(): boolean {
    const { options, method } = this.#site;
    return options.idempotent ?? method.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
  }
}
