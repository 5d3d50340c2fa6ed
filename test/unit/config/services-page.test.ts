import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { repositoryFile, service } from "../../../src/config/repository-schema.ts";
import { checkoutRoot } from "../../support/context.ts";

const page = await readFile(join(checkoutRoot, "docs/services.md"), "utf8");
const examples = [...page.matchAll(/```yaml\n([^]*?)```/g)].map(([, text]) => text as string);

test("every example of docs/services.md is a flow.yaml that flow takes", () => {
  expect(examples.length).toBeGreaterThan(2);
  for (const text of examples) expect(repositoryFile.safeParse(parse(text)).error?.issues ?? [], text).toEqual([]);
});

test("docs/services.md names every key of a service", () => {
  const rows = [...page.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].map(([, keys]) => keys as string);
  const named = rows.flatMap((keys) => [...keys.matchAll(/\w+/g)].map(([key]) => key));
  expect(named.sort()).toEqual(Object.keys(service.shape).sort());
});
