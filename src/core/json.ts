import { readFile } from "node:fs/promises";
import { FlowError, messageOf, systemCode } from "./errors.ts";

/** Parses JSON; `what` names the source in the error. @throws FlowError FLOW_INVALID_JSON */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  } catch (error) {
    throw new FlowError("FLOW_INVALID_JSON", `${what} is not valid JSON: ${messageOf(error)}`, { cause: error });
  }
}

/** Reads a JSON file; undefined when there is none. @throws FlowError FLOW_INVALID_JSON */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
  return parseJson(text, path);
}

/** JSON as flow writes it to files: two spaces and a final newline. */
export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
