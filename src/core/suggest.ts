import { closest, distance } from "fastest-levenshtein";

/** The candidate that `word` was probably meant to be; undefined when none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (candidates.length === 0) return undefined;
  const best = closest(word.toLowerCase(), [...candidates]);
  return distance(word.toLowerCase(), best) <= Math.max(1, Math.floor(best.length / 3)) ? best : undefined;
}

/** A hint for a name that is none of `candidates`: the nearest of them, or all: `services are: a, b`. */
export function suggest(word: string, candidates: readonly string[], { plural }: { plural: string }): string {
  const suggestion = nearest(word, candidates);
  return suggestion === undefined ? `${plural} are: ${candidates.join(", ")}` : `did you mean "${suggestion}"?`;
}
