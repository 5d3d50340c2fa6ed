/**
 * The text with comments, and the insides of strings, templates and regular expressions, blanked out, at the same
 * length: what is left can be searched for code, and positions stay true.
 */
export function maskSource(text: string): string {
  const masked = text.split("");
  const blank = (from: number, to: number) => {
    for (let at = from; at < to; at++) if (masked[at] !== "\n") masked[at] = " ";
  };
  /** Depth of braces at which each open template literal goes on. */
  const templates: number[] = [];
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    const two = text.slice(at, at + 2);
    const character = text[at] ?? "";
    let end = at + 1;
    if (two === "//" || two === "/*") {
      const close = two === "//" ? text.indexOf("\n", at) : text.indexOf("*/", at + 2) + 2;
      end = close < at + 2 ? text.length : close;
      blank(at, end);
    } else if (character === '"' || character === "'") {
      end = closing(text, at + 1, (next) => next === character || next === "\n");
      blank(at + 1, end - 1);
    } else if (character === "`" || (character === "}" && templates.at(-1) === depth)) {
      if (character === "}") templates.pop();
      end = closing(text, at + 1, (next, following) => next === "`" || (next === "$" && following === "{"));
      if (text[end - 1] === "$") {
        templates.push(depth);
        end += 1;
      }
      blank(at, end);
    } else if (character === "/" && startsRegExp(masked, at)) {
      end = regExpEnd(text, at);
      blank(at + 1, end - 1);
    } else if (character === "{") depth += 1;
    else if (character === "}") depth -= 1;
    at = end;
  }
  return masked.join("");
}

/** Position after the first unescaped character that `ends` accepts. */
function closing(text: string, from: number, ends: (character: string, next: string) => boolean): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at += 1;
    else if (ends(text[at] ?? "", text[at + 1] ?? "")) return at + 1;
  }
  return text.length;
}

/** A slash begins a regular expression where a value is expected, and divides elsewhere. */
function startsRegExp(masked: readonly string[], at: number): boolean {
  const before = masked
    .slice(Math.max(0, at - 40), at)
    .join("")
    .trimEnd();
  return before === "" || /[(,=:[!&|?{};+\-*%<>~^]$|\b(?:return|typeof|case|in|of|void|await|yield)$/.test(before);
}

function regExpEnd(text: string, start: number): number {
  let inClass = false;
  return closing(text, start + 1, (character) => {
    if (character === "[") inClass = true;
    else if (character === "]") inClass = false;
    return character === "\n" || (character === "/" && !inClass);
  });
}

/** Position of the brace that closes the one at `open`, in masked text; undefined when there is none. */
export function matchingBrace(masked: string, open: number): number | undefined {
  let depth = 0;
  for (let at = open; at < masked.length; at++) {
    if (masked[at] === "{") depth += 1;
    else if (masked[at] === "}" && --depth === 0) return at;
  }
  return undefined;
}
