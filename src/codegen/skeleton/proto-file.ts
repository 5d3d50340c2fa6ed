/** Where a proto service's declaration ends, zero-based, as a descriptor's source info says. */
export interface ServiceEnd {
  line: number;
  column: number;
}

export interface NewRpc {
  name: string;
  request: string;
  response: string;
  /** Messages that the package lacks. */
  newMessages: readonly string[];
}

/** Adds an RPC before the brace that ends its service, and its messages at the end of the file. */
export function addRpc(text: string, end: ServiceEnd, { name, request, response, newMessages }: NewRpc): string {
  const lines = text.split("\n");
  const last = lines[end.line] ?? "";
  // Positions count the closing brace in: what is before it on its line stays before the RPC.
  const before = [...lines.slice(0, end.line), last.slice(0, end.column - 1)].join("\n").trimEnd();
  const after = [last.slice(end.column - 1), ...lines.slice(end.line + 1)].join("\n").trimEnd();
  const gap = before.endsWith("{") ? "" : "\n";
  const messages = newMessages.map((message) => `\n\nmessage ${message} {\n}`).join("");
  return `${before}\n${gap}  rpc ${name}(${request}) returns (${response});\n${after}${messages}\n`;
}
