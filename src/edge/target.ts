export interface Target {
  /** Path without its query, as the client wrote it. */
  path: string;
  /** `?…` or nothing. */
  query: string;
}

/**
 * The path and query that a request line names (origin or absolute form, RFC 9112 3.2). Undefined for what no route
 * may be matched against: other forms, broken escapes, and `.` or `..` segments in any spelling, which an instance
 * could resolve to a path outside the prefix that it was given.
 */
export function parseTarget(url: string): Target | undefined {
  const text = url.startsWith("/") ? url : originForm(url);
  if (text === undefined) return undefined;
  const at = text.indexOf("?");
  const path = at === -1 ? text : text.slice(0, at);
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  if (decoded.split(/[/\\]/).some((segment) => segment === "." || segment === "..")) return undefined;
  return { path, query: at === -1 ? "" : text.slice(at) };
}

function originForm(url: string): string | undefined {
  const [, rest] = /^https?:\/\/[^/?#]+(.*)$/i.exec(url) ?? [];
  if (rest === undefined) return undefined;
  return rest.startsWith("/") ? rest : `/${rest}`;
}
