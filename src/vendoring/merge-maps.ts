type Json = unknown;

/**
 * Three-way merge of JSON by key: what one side changed is taken; where both did, maps are merged further down and
 * of anything else `theirs` wins, which is what was published first.
 */
export function mergeMaps(base: Json, ours: Json, theirs: Json): Json {
  if (!isMap(ours) || !isMap(theirs)) return same(base, theirs) ? ours : theirs;
  const before = isMap(base) ? base : {};
  const merged: Record<string, Json> = {};
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const [was, mine, other] = [before[key], ours[key], theirs[key]];
    const value =
      mine === undefined
        ? same(was, other)
          ? undefined
          : other
        : other === undefined
          ? same(was, mine)
            ? undefined
            : mine
          : mergeMaps(was, mine, other);
    if (value !== undefined) merged[key] = value;
  }
  return merged;
}

function isMap(value: Json): value is Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function same(a: Json, b: Json): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
