const surrogate = /[\ud800-\udfff]/;

/** Orders texts by their bytes in UTF-8, as Consul does; JavaScript's own order differs beyond U+D7FF. */
export function byBytes(a: string, b: string): number {
  if (surrogate.test(a) || surrogate.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}
