/** Splits `host:port` and `[v6]:port`; undefined when there is no port. */
export function splitAddress(address: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(address);
  if (match === null) return undefined;
  return { host: match[1] ?? (match[2] === "" ? "localhost" : (match[2] ?? "localhost")), port: Number(match[3]) };
}
