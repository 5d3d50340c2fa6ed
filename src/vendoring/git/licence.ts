import type { Git } from "../../core/git/index.ts";
import { licenceOf } from "../npm/licence.ts";
import { readObjects } from "../trees.ts";

/** Where a licence is looked for, the likeliest first. */
export const licenceFiles = ["LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "COPYING"];

/** Licence of a commit: what its package.json says, else what the text of a licence file is known as. */
export async function licenceOfCommit(
  git: Git,
  commit: string,
  manifest: Readonly<Record<string, unknown>> | undefined,
): Promise<string> {
  const declared = manifest === undefined ? "NONE" : licenceOf(manifest);
  if (declared !== "NONE") return declared;
  const texts = await readObjects(
    git,
    licenceFiles.map((name) => `${commit}:${name}`),
  );
  return licenceOfTexts(texts.flatMap((text) => (text === undefined ? [] : [text.toString("utf8")])));
}

/** What the first of the texts of licence files is known as; `NONE` without any. */
export function licenceOfTexts([text]: readonly string[]): string {
  return text === undefined ? "NONE" : recognize(text);
}

function recognize(text: string): string {
  const start = text.slice(0, 2_000);
  if (/Apache License\s+Version 2\.0/.test(start)) return "Apache-2.0";
  if (/Permission is hereby granted, free of charge/.test(text)) return "MIT";
  if (/Mozilla Public License,? (?:Version|v\.) 2\.0/i.test(start)) return "MPL-2.0";
  if (/Redistribution and use in source and binary forms/.test(text)) {
    return /Neither the name/.test(text) ? "BSD-3-Clause" : "BSD-2-Clause";
  }
  if (/Permission to use, copy, modify, and\/or distribute/.test(text)) return "ISC";
  if (/GNU GENERAL PUBLIC LICENSE\s+Version 3/.test(start)) return "GPL-3.0-only";
  if (/GNU GENERAL PUBLIC LICENSE\s+Version 2/.test(start)) return "GPL-2.0-only";
  return "LicenseRef-see-file";
}
