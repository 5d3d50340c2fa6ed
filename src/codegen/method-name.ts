import { FlowError } from "../core/errors.ts";
import { nearest } from "../core/suggest.ts";
import type { IndexedMethod } from "./method-index.ts";

/** Splits `/common.Product/Get`, `common.Product/Get`, `Product.Get` or `product.Get`. @throws FlowError FLOW_USAGE */
export function parseMethodName(name: string): { service: string; method: string } {
  const plain = name.replace(/^\//, "");
  const at = plain.includes("/") ? plain.indexOf("/") : plain.lastIndexOf(".");
  const [service, method] = [plain.slice(0, Math.max(at, 0)), plain.slice(at + 1)];
  if (service !== "" && /^\w+$/.test(method)) return { service, method };
  throw new FlowError("FLOW_USAGE", `"${name}" is not a method's name`, {
    hint: "write it like /common.Product/Get, or product.Get for short",
  });
}

/** The method that a person means. @throws FlowError FLOW_METHOD_UNKNOWN, FLOW_USAGE when several could be meant */
export function findMethod(methods: readonly IndexedMethod[], name: string): IndexedMethod {
  const { service, method } = parseMethodName(name);
  const exact = methods.find(({ path }) => path === `/${service}/${method}`);
  if (exact !== undefined) return exact;
  const wanted = `${service}/${method}`.toLowerCase();
  const matching = methods.filter((candidate) => spellingsOf(candidate).some((text) => text.toLowerCase() === wanted));
  const [found, ...others] = matching;
  if (found !== undefined && others.length === 0) return found;
  if (found !== undefined) {
    throw new FlowError("FLOW_USAGE", `"${name}" could be ${matching.map(({ path }) => path).join(" or ")}`, {
      hint: "give the whole name",
    });
  }
  // As people write them, short or whole: the nearest tells which method was meant.
  const spellings = new Map(
    methods.flatMap((candidate) => spellingsOf(candidate).map((text) => [text, candidate.path])),
  );
  const suggestion = spellings.get(nearest(`${service}/${method}`, [...spellings.keys()]) ?? "");
  const paths = methods.map(({ path }) => path);
  throw new FlowError("FLOW_METHOD_UNKNOWN", `no proto defines ${name}`, {
    hint:
      suggestion === undefined
        ? `methods are: ${paths.slice(0, 20).join(", ") || "none yet"}`
        : `did you mean ${suggestion}?`,
  });
}

/** `common.Product/Get`, `Product/Get`, and `product/Get` by its name in Consul. */
function spellingsOf({ path, service: consulName }: IndexedMethod): string[] {
  const { service, method } = parseMethodName(path);
  return [service, service.split(".").at(-1) ?? "", consulName].map((known) => `${known}/${method}`);
}
