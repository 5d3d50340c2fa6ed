import type { Random } from "./random.ts";

const syllables = "ba ce di fo gu ha je ki lo mu na pe qi ro su ta ve wi xo yu za".split(" ");
const words = "const return function if else export import from await async new this null undefined true false".split(
  " ",
);
const marks = [" ", " ", " ", ".", ".", "(", ")", ";\n", ";\n  ", " = ", ", ", " {\n    ", "\n}\n", ": ", " => "];

/** A long text that compresses as source code does. Files are pieces of it. */
export function sourceText(random: Random, bytes: number): Buffer {
  const names = Array.from({ length: 3_000 }, () =>
    Array.from({ length: 1 + random.below(4) }, () => random.pick(syllables)).join(""),
  );
  const text = Buffer.alloc(bytes);
  for (let at = 0; at < bytes;) {
    // Few names are used often.
    const name =
      random.next() < 0.35 ? random.pick(words) : (names[Math.floor(names.length * random.next() ** 3)] ?? "");
    at += text.write(name + random.pick(marks), at, "latin1");
  }
  return text;
}
