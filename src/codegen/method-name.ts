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
  const matching = methods.filter((candidate) => {
    const own = parseMethodName(candidate.path);
    const names = [own.service, own.service.split(".").at(-1) ?? "", candidate.service];
    return (
      own.method.toLowerCase() === method.toLowerCase() &&
      names.some((known) => known.toLowerCase() === service.toLowerCase())
    );
  });
  const [found, ...others] = matching;
  if (found !== undefined && others.length === 0) return found;
  if (found !== undefined) {
    throw new FlowError("FLOW_USAGE", `"${name}" could be ${matching.map(({ path }) => path).join(" or ")}`, {
      hint: "give the whole name",
    });
  }
  const paths = methods.map(({ path }) => path);
  const suggestion = nearest(`/${service}/${method}`, paths);
  throw new FlowError("FLOW_METHOD_UNKNOWN", `no proto defines ${name}`, {
    hint:
      suggestion === undefined
        ? `methods are: ${paths.slice(0, 20).join(", ") || "none yet"}`
        : `did you mean ${suggestion}?`,
  });
}
