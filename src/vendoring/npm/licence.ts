import parseSpdx from "spdx-expression-parse";

/** SPDX expression of a package.json; `NONE` without one, and what is no SPDX as `LicenseRef-…`. */
export function licenceOf(manifest: Readonly<Record<string, unknown>>): string {
  const { license, licenses } = manifest;
  if (typeof license === "string") return spdx(license);
  if (typeof license === "object" && license !== null && "type" in license) return spdx(String(license.type));
  if (Array.isArray(licenses) && licenses.length > 0) {
    const names = licenses.map((item: unknown) =>
      spdx(String(typeof item === "object" && item !== null && "type" in item ? item.type : item)),
    );
    return names.length === 1 ? (names[0] as string) : `(${names.join(" OR ")})`;
  }
  return "NONE";
}

function spdx(text: string): string {
  try {
    parseSpdx(text);
    return text;
  } catch {
    return text === "" || text === "UNLICENSED" ? "NONE" : `LicenseRef-${text.replace(/[^A-Za-z0-9.-]+/g, "-")}`;
  }
}
