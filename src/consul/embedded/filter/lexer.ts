export type Token =
  | { kind: "word"; text: string; at: number }
  | { kind: "string"; text: string; at: number }
  | { kind: "number"; text: string; at: number }
  | { kind: "symbol"; text: "(" | ")" | "==" | "!=" | "." | "[" | "]"; at: number }
  | { kind: "end"; text: ""; at: number };

/** An expression that cannot be understood; the message says where. */
export class FilterError extends Error {}

const patterns: readonly [Exclude<Token["kind"], "end">, RegExp][] = [
  ["string", /"([^"]*)"|`([^`]*)`/y],
  ["number", /-?\d+(?:\.\d+)?(?![A-Za-z_])/y],
  ["word", /[A-Za-z][A-Za-z0-9_]*/y],
  ["symbol", /==|!=|[()[\].]/y],
];

/** Cuts an expression into tokens. @throws FilterError */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    while (/\s/.test(text[at] ?? "")) at++;
    if (at >= text.length) return [...tokens, { kind: "end", text: "", at }];
    const token = tokenAt(text, at);
    tokens.push(token.token);
    at = token.end;
  }
}

function tokenAt(text: string, at: number): { token: Token; end: number } {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) continue;
    const value = kind === "string" ? (match[2] ?? unquote(match[1] ?? "", at)) : match[0];
    return { token: { kind, text: value, at } as Token, end: at + match[0].length };
  }
  throw problem(at, `no match found at ${JSON.stringify(text.slice(at, at + 10))}`);
}

const escapes: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};

/** Go's escapes; a regular expression is better written between backquotes, where there are none. */
function unquote(inner: string, at: number): string {
  return inner.replaceAll(
    /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|(.?))/gi,
    (_, byte?: string, code?: string, char = "") => {
      const plain = byte ?? code;
      const meant = plain === undefined ? escapes[char as string] : String.fromCodePoint(Number.parseInt(plain, 16));
      if (meant === undefined) throw problem(at, 'rule "string": invalid syntax');
      return meant;
    },
  );
}

/** An error with the position in the way that Consul gives it: line, column, offset. */
export function problem(at: number, message: string): FilterError {
  return new FilterError(`1:${at + 1} (${at}): ${message}`);
}
