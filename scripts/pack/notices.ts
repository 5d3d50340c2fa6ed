import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./inputs.ts";

/** The licences of every package whose code `inputs` (paths from the checkout's root) put into the bundle. */
export async function thirdPartyNotices(inputs: readonly string[]): Promise<string> {
  const packages = new Set(inputs.map(packageDirectory).filter((dir) => dir !== undefined));
  const sections = await Promise.all([...packages].sort().map(notice));
  return [
    "flow's command line contains code of the following packages.\n",
    ...new Set(sections.map((section) => `${"-".repeat(100)}\n${section}`)),
  ].join("\n");
}

function packageDirectory(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
}

async function notice(dir: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(root, dir, "package.json"), "utf8")) as {
    name: string;
    version: string;
    license?: string;
  };
  const files = (await readdir(join(root, dir))).filter((file) => /^(?:licen[cs]e|notice|copying)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(root, dir, file), "utf8")));
  return [
    `${name} ${version} (${license ?? "licence in its text"})\n`,
    ...texts.map((text) => `${text.trim()}\n`),
  ].join("\n");
}
