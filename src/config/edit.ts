import { readFile } from "node:fs/promises";
import { parseDocument, type Document } from "yaml";
import { writeIfChanged } from "../core/files.ts";

/** Changes a YAML file in place; comments, order and spacing of what is not touched stay. Returns whether it changed. */
export async function editYaml(path: string, change: (document: Document) => void): Promise<boolean> {
  const document = parseDocument(await readFile(path, "utf8"));
  change(document);
  return await writeIfChanged(path, document.toString({ lineWidth: 0 }));
}
