import { ApiError } from "../http/errors.ts";

/** @throws ApiError 400 for metadata that Consul does not take */
export function checkMeta(meta: Record<string, string>): void {
  const pairs = Object.entries(meta);
  if (pairs.length > 64) {
    throw new ApiError(400, "Invalid Service Meta: Node metadata cannot contain more than 64 key/value pairs");
  }
  for (const [key, value] of pairs) {
    const problem = metaProblem(key, value);
    if (problem !== undefined) {
      throw new ApiError(400, `Invalid Service Meta: Couldn't load metadata pair ('${key}', '${value}'): ${problem}`);
    }
  }
}

function metaProblem(key: string, value: string): string | undefined {
  if (key === "") return "Key cannot be blank";
  if (!/^[A-Za-z0-9_-]+$/.test(key)) return "Key contains invalid characters";
  if (key.length > 128) return "Key is too long (limit: 128 characters)";
  if (key.startsWith("consul-")) return "Key prefix 'consul-' is reserved for internal use";
  if (value.length > 512) return "Value is too long (limit: 512 characters)";
  return undefined;
}
