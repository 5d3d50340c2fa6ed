import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import type { FlowContext } from "./context.ts";
import { writeNew } from "./files.ts";

export type TemplateValues = Readonly<Record<string, string>>;

/** Replaces `{{name}}`. @throws Error for a name without a value: a mistake in the template */
export function fillTemplate(text: string, values: TemplateValues): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the template asks for {{${name}}}, which has no value`);
    return value;
  });
}

/** One file of `templates/`, filled in. */
export async function readTemplate(ctx: FlowContext, path: string, values: TemplateValues): Promise<string> {
  return fillTemplate(await readFile(join(ctx.installation.templates, path), "utf8"), values);
}

/**
 * Lays out a directory of `templates/` below `dir`. A file that exists is left as it is: what a person wrote is
 * never touched. `_gitignore` becomes `.gitignore` (npm leaves files of that name out of packages).
 * @returns the files written, relative to `dir`
 */
export async function layOut(
  ctx: FlowContext,
  template: string,
  { dir, values, skip = () => false }: { dir: string; values: TemplateValues; skip?: (path: string) => boolean },
): Promise<string[]> {
  const root = join(ctx.installation.templates, template);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const written: string[] = [];
  for (const entry of entries.filter((candidate) => candidate.isFile())) {
    const source = join(entry.parentPath, entry.name);
    const path = relative(root, source).replace(/(^|\/)_(?=[^/]*$)/, "$1.");
    if (skip(path)) continue;
    const content = fillTemplate(await readFile(source, "utf8"), values);
    if (await writeNew(join(dir, path), content, (await stat(source)).mode & 0o777)) written.push(path);
  }
  return written.sort();
}
