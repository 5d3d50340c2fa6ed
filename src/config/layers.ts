export interface Layer {
  /** File or variable that the values come from. */
  origin: string;
  value: object;
}

/** Merges layers, later ones winning: maps merge by key, everything else is replaced. Says where each leaf came from. */
export function merge(layers: readonly Layer[]): { value: Record<string, unknown>; origins: Map<string, string> } {
  const origins = new Map<string, string>();
  let value: Record<string, unknown> = {};
  for (const layer of layers)
    value = mergeInto(value, layer.value as Record<string, unknown>, { origin: layer.origin, origins, path: "" });
  return { value, origins };
}

interface Position {
  origin: string;
  origins: Map<string, string>;
  path: string;
}

function mergeInto(
  under: Record<string, unknown>,
  over: Record<string, unknown>,
  at: Position,
): Record<string, unknown> {
  const result = { ...under };
  for (const [key, value] of Object.entries(over)) {
    if (value === undefined) continue;
    const path = at.path === "" ? key : `${at.path}.${key}`;
    if (isMap(value)) {
      const old = result[key];
      result[key] = mergeInto(isMap(old) ? old : {}, value, { ...at, path });
    } else {
      result[key] = value;
    }
    at.origins.set(path, at.origin);
  }
  return result;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
