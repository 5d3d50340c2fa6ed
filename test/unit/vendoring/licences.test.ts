import { expect, test } from "vitest";
import { reportLicences } from "../../../src/vendoring/index.ts";
import type { Mirror } from "../../../src/vendoring/index.ts";

const licences = {
  a: "MIT",
  b: "(MIT OR GPL-3.0-only)",
  c: "GPL-3.0-only",
  d: "MIT AND GPL-3.0-only",
  e: "LicenseRef-Custom-thing",
  f: "GPL-2.0-only WITH Classpath-exception-2.0",
  none: "NONE",
};
const hash = "0".repeat(40);
const mirror: Mirror = {
  dir: "/mirror",
  remote: undefined,
  head: hash,
  manifest: {
    version: 1,
    prefixes: Object.fromEntries(
      Object.entries(licences).map(([name, licence]) => [
        `node_modules/${name}`,
        { source: `npm:${name}`, ref: "*", commit: hash, tree: hash, squash: hash, licence, patched: false },
      ]),
    ),
  },
};

test.each([
  ["nothing but having none", {}, "none"],
  ["what is denied, where no other may be chosen", { deny: ["GPL-3.0-only"], accept: ["none"] }, "c,d"],
  ["what is not allowed", { allow: ["MIT"], accept: ["none"] }, "c,d,e,f"],
  [
    "no custom licence and no exception that is named",
    { allow: ["MIT", "LicenseRef-Custom-thing", "GPL-2.0-only WITH Classpath-exception-2.0"], accept: ["none"] },
    "c,d",
  ],
  [
    "nothing that somebody accepted, by name or prefix",
    { allow: ["MIT"], accept: ["none", "c", "node_modules/d", "e", "f"] },
    "",
  ],
])("refuses %s", (_name, rules, expected) => {
  const { problems } = reportLicences(mirror, rules);
  expect(problems.map(({ prefix }) => prefix.replace("node_modules/", "")).join()).toBe(expected);
});

test("a rule that names no licence is an error, not a rule without effect", () => {
  expect(() => reportLicences(mirror, { deny: ["GPL3"] })).toThrow(
    expect.objectContaining({ code: "FLOW_CONFIG_INVALID" }),
  );
});
