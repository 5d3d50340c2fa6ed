import { FlowError } from "../core/errors.ts";
import { nearest } from "../core/suggest.ts";
import { checkPrefix } from "./prefix.ts";
import type { Mirror } from "./types.ts";

/** A prefix by its path or by its package's name. @throws FlowError FLOW_VENDOR_NO_PREFIX with a suggestion */
export function findPrefix({ manifest }: Mirror, name: string): string {
  const known = Object.keys(manifest.prefixes);
  const plain = checkPrefix(name.replace(/^(npm|go):/, ""));
  const found = known.find((prefix) => prefix === plain) ?? known.find((prefix) => prefix === `node_modules/${plain}`);
  if (found !== undefined) return found;
  const near = nearest(plain, [...known, ...known.map((prefix) => prefix.replace(/^node_modules\//, ""))]);
  throw new FlowError("FLOW_VENDOR_NO_PREFIX", `the mirror has no "${name}"`, {
    hint: near === undefined ? "flow vendor list shows what it has" : `did you mean "${near}"?`,
  });
}
