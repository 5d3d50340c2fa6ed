import { failedStates, type ProcessPlan, type ServiceState } from "../types.ts";

export interface Obstacle {
  /** Whether it does not go away by itself. */
  isFinal: boolean;
  reason: string;
}

/** What a dependent has to know of a service. */
export interface Dependency {
  state: ServiceState;
  reason: string | null;
  pid: number | null;
  /** Whether it crashed so often that a further start gives no hope. */
  isLooping: boolean;
}

interface Stoppable {
  plan: Pick<ProcessPlan, "name" | "depends">;
  stop(): Promise<void>;
}

/** What keeps a program from being started: a dependency that is not there yet, or never will be. */
export function obstacleOf(
  { depends }: Pick<ProcessPlan, "depends">,
  services: ReadonlyMap<string, Dependency>,
): Obstacle | undefined {
  const waiting: string[] = [];
  for (const [name, condition] of Object.entries(depends)) {
    const dependency = services.get(name);
    if (dependency === undefined) continue;
    const { state, reason, pid } = dependency;
    if (failedStates.includes(state) || dependency.isLooping) {
      const what = state === "failed" ? "failed" : state === "blocked" ? "is blocked" : "is crash-looping";
      return { isFinal: true, reason: `${name} ${what}${reason === null ? "" : `: ${reason}`}` };
    }
    const isMet =
      state === "completed" ||
      (condition === "started" && pid !== null) ||
      (condition === "ready" && state === "ready");
    if (!isMet) waiting.push(name);
  }
  return waiting.length === 0 ? undefined : { isFinal: false, reason: `for ${waiting.join(", ")}` };
}

/** Stops services at once where they allow it, each when nothing that depends on it runs any more. */
export async function stopInOrder(services: readonly Stoppable[]): Promise<void> {
  const stops = new Map<Stoppable, Promise<void>>();
  const stop = (service: Stoppable): Promise<void> => {
    const known = stops.get(service);
    if (known !== undefined) return known;
    const dependents = services.filter(({ plan }) => plan.depends[service.plan.name] !== undefined);
    const stopped = Promise.all(dependents.map(stop)).then(() => service.stop());
    stops.set(service, stopped);
    return stopped;
  };
  await Promise.all(services.map(stop));
}
