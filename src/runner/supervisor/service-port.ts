import { startVariable } from "../../core/proc.ts";
import type { ProcessPlan } from "../types.ts";
import { programMark } from "./census.ts";
import { freePort, isFree, listensOn, portOwner } from "./ports.ts";

/** Other ports that are tried one after the other when somebody else is always faster. */
const mostMoves = 5;

/** The port of one program over its lives: whose it is, whether the program listens there, and the next when it is taken. */
export class ServicePort {
  readonly #plan: ProcessPlan;
  /** Ports that programs of the run have. */
  readonly #taken: Set<number>;
  #number: number | undefined;
  #listens: boolean;
  #moves = 0;

  constructor(plan: ProcessPlan, taken: Set<number>) {
    this.#plan = plan;
    this.#taken = taken;
    this.#number = plan.port;
    this.#listens = plan.portUse !== "offered";
  }

  /** The port that the program is given; undefined for one that has none. */
  get number(): number | undefined {
    return this.#number;
  }

  /** The port that the program is reached at: one that it was only offered counts when it took it. */
  get reached(): number | undefined {
    return this.#listens ? this.#number : undefined;
  }

  /** Makes sure that nobody else has it, by taking another if need be. `problem` without `moved` means: it cannot start. */
  async claim(): Promise<{ problem: string; moved?: number } | undefined> {
    if (this.#number === undefined || (await isFree(this.#number))) return undefined;
    const problem = this.#describeUse(portOwner(this.#number));
    if (this.#plan.portUse === "fixed") return { problem };
    const moved = await freePort(this.#taken);
    this.#taken.add(moved);
    this.#number = moved;
    return { problem, moved };
  }

  /** Whether it may start again with another port, because somebody else was faster. Asked too often, it may not. */
  mayMove(): boolean {
    return this.#plan.portUse !== "fixed" && this.#moves++ < mostMoves;
  }

  /** It is well: moves count anew. */
  settle(): void {
    this.#moves = 0;
  }

  /** What is wrong when others than these processes listen there; undefined when they do, or nobody can be asked. */
  problemFor(pids: readonly number[]): string | undefined {
    if (this.#number === undefined || listensOn(this.#number, pids) !== false) return undefined;
    return this.#describeUse(portOwner(this.#number), "process of somebody else");
  }

  /** Takes note that these processes listen on a port that was only offered. @returns whether they do */
  notice(pids: readonly number[]): boolean {
    this.#listens = this.#number !== undefined && listensOn(this.#number, pids) === true;
    return this.#listens;
  }

  /** Why a program of this mark could not listen: the words for another process that does. */
  rivalOf(mark: string): string | undefined {
    const owner = this.#number === undefined ? undefined : portOwner(this.#number);
    return owner === undefined || startVariable(owner, programMark) === mark ? undefined : this.#describeUse(owner);
  }

  #describeUse(owner: number | undefined, unknown = "another process"): string {
    return `port ${this.#number} is in use by ${owner === undefined ? unknown : `process ${owner}`}`;
  }
}
