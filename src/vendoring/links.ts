import { decodeBytes } from "../core/bytes.ts";

const mostHops = 40;
/** Stands for the root of the file system; no component of a path looks like it. */
const root = "/";

/**
 * Whether a symbolic link leads out of the tree that it lies in. It is followed as a file system does, other links on its
 * way too: `a/..` is elsewhere when `a` is a link.
 * @param linkAt content of the link at a path of the tree; undefined where there is none
 */
export function leadsOut(path: string, data: Uint8Array, linkAt: (path: string) => Uint8Array | undefined): boolean {
  const at = path.split("/").slice(0, -1);
  const todo = targetOf(data);
  for (let hops = 0; todo.length > 0;) {
    const part = todo.shift() as string;
    if (part === "..") {
      if (at.pop() === undefined) return true;
      continue;
    }
    if (part === root) return true;
    at.push(part);
    const next = linkAt(at.join("/"));
    if (next === undefined) continue;
    if (++hops > mostHops) return true;
    at.pop();
    todo.unshift(...targetOf(next));
  }
  return false;
}

function targetOf(data: Uint8Array): string[] {
  const target = decodeBytes(data);
  if (target.startsWith("/") || target.includes("\\") || target.includes("\0")) return [root];
  return target.split("/").filter((part) => part !== "" && part !== ".");
}
