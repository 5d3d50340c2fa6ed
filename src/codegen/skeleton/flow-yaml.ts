import { isDeepStrictEqual } from "node:util";
import { isMap, parse, parseDocument, stringify } from "yaml";

/**
 * Adds a service to the text of a flow.yaml. Everything that is there stays as it was written.
 * @returns undefined when the file's shape leaves no safe place to add it
 */
export function addServiceEntry(
  text: string,
  name: string,
  entry: Readonly<Record<string, unknown>>,
): string | undefined {
  const document = parseDocument(text);
  const services = document.get("services", true);
  const ending = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  let result: string;
  if (services === undefined) {
    result = `${ending}${ending === "" ? "" : "\n"}${stringify({ services: { [name]: entry } })}`;
  } else if (isMap(services) && services.flow !== true && services.range) {
    const at = endOfLine(ending, services.range[1]);
    const indent = " ".repeat(columnOf(ending, services.range[0]));
    const block = stringify({ [name]: entry }).replaceAll(/^(?=.)/gm, indent);
    result = `${ending.slice(0, at)}\n${block}${ending.slice(at)}`;
  } else return undefined;
  const before = (parse(text) ?? {}) as { services?: object };
  const expected = { ...before, services: { ...before.services, [name]: entry } };
  return isDeepStrictEqual(parse(result), expected) ? result : undefined;
}

function endOfLine(text: string, at: number): number {
  if (text[at - 1] === "\n") return at;
  const newline = text.indexOf("\n", at);
  return newline === -1 ? text.length : newline + 1;
}

function columnOf(text: string, at: number): number {
  return at - (text.lastIndexOf("\n", at - 1) + 1);
}
