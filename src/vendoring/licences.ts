import parseSpdx from "spdx-expression-parse";
import type { VendorDefinition } from "../config/index.ts";
import { FlowError } from "../core/errors.ts";
import { importName } from "./sources.ts";
import type { Mirror } from "./types.ts";

export interface LicenceReport {
  /** Each licence with the prefixes under it, the most frequent first. */
  licences: { licence: string; prefixes: string[] }[];
  /** What the team's rules do not let pass. */
  problems: { prefix: string; licence: string; problem: string }[];
}

/**
 * Licences of everything that the mirror holds, held against the team's rules: one that is denied or not allowed, or
 * none at all, is a problem. Of `A OR B` one that may be used is enough; of `A AND B` both must be.
 * @throws FlowError FLOW_CONFIG_INVALID for a rule that names no licence
 */
export function reportLicences({ manifest }: Mirror, rules: VendorDefinition["licenses"] = {}): LicenceReport {
  for (const name of [...(rules.allow ?? []), ...(rules.deny ?? [])]) checkName(name);
  const byLicence = new Map<string, string[]>();
  const problems: LicenceReport["problems"] = [];
  for (const [prefix, { licence }] of Object.entries(manifest.prefixes).sort(([a], [b]) => (a < b ? -1 : 1))) {
    byLicence.set(licence, [...(byLicence.get(licence) ?? []), prefix]);
    const accepted = rules.accept?.some((name) => name === prefix || name === importName(prefix)) === true;
    const problem = accepted ? undefined : problemOf(licence, rules);
    if (problem !== undefined) problems.push({ prefix, licence, problem });
  }
  const licences = [...byLicence].map(([licence, prefixes]) => ({ licence, prefixes }));
  licences.sort((a, b) => b.prefixes.length - a.prefixes.length || (a.licence < b.licence ? -1 : 1));
  return { licences, problems };
}

/** A misspelt name would deny nothing, and nobody would see it. */
function checkName(name: string): void {
  if (/^LicenseRef-[A-Za-z0-9.-]+$/.test(name)) return;
  try {
    if (!("conjunction" in parseSpdx(name))) return;
  } catch {
    // Reported below.
  }
  throw new FlowError("FLOW_CONFIG_INVALID", `flow.yaml: vendor.licenses: "${name}" is no SPDX licence identifier`, {
    hint: "flow vendor licenses shows the identifiers as the mirror has them, such as Apache-2.0 or MIT",
  });
}

type Rules = NonNullable<VendorDefinition["licenses"]>;

function problemOf(licence: string, rules: Rules): string | undefined {
  if (licence === "NONE") return "names no licence, so nothing permits its use";
  if (licence.startsWith("LicenseRef-")) {
    if (rules.deny?.includes(licence) === true) return "its licence is on the deny list";
    if (rules.allow === undefined || rules.allow.includes(licence)) return undefined;
    return "its licence is not on the allow list";
  }
  return mayUse(parseSpdx(licence), rules)
    ? undefined
    : `its licence is ${rules.allow === undefined ? "on the deny list" : "denied or not on the allow list"}`;
}

/** SPDX 2.3, annex D: `GPL-2.0-only WITH x` is a licence of its own, and `X+` is `X` or later. */
function mayUse(expression: parseSpdx.Info, rules: Rules): boolean {
  if ("conjunction" in expression) {
    const sides = [expression.left, expression.right];
    const test = (side: parseSpdx.Info) => mayUse(side, rules);
    return expression.conjunction === "or" ? sides.some(test) : sides.every(test);
  }
  const { license, plus, exception } = expression;
  const base = plus === true ? [license, `${license}+`] : [license];
  const named = (list: readonly string[]) =>
    base.some((name) => list.includes(name)) ||
    (exception !== undefined && base.some((name) => list.includes(`${name} WITH ${exception}`)));
  if (rules.deny !== undefined && named(rules.deny)) {
    // An exception may be what makes a denied licence usable, when the team says so.
    return exception !== undefined && rules.allow?.includes(`${license} WITH ${exception}`) === true;
  }
  return rules.allow === undefined || named(rules.allow);
}
