import { problem, tokenize, type Token } from "./lexer.ts";

export type Operator =
  | "Equal"
  | "Not Equal"
  | "In"
  | "Not In"
  | "Is Empty"
  | "Is Not Empty"
  | "Matches"
  | "Not Matches";

export type Expression =
  | { kind: "and" | "or"; left: Expression; right: Expression }
  | { kind: "not"; operand: Expression }
  | { kind: "match"; selector: string[]; operator: Operator; value: string };

/**
 * Parses a filter (https://developer.hashicorp.com/consul/api-docs/features/filtering): `and`, `or`, `not`,
 * parentheses, `==`, `!=`, `in`, `contains`, `is empty`, `matches`, and their negations.
 * @throws FilterError
 */
export function parseFilter(text: string): Expression {
  return new Parser(tokenize(text)).parse();
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Expression {
    const expression = this.#or();
    if (this.#next.kind !== "end") throw this.#unexpected('"and", "or" or the end');
    return expression;
  }

  get #next(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #or(): Expression {
    let left = this.#and();
    while (this.#take("word", "or")) left = { kind: "or", left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.#take("word", "and")) left = { kind: "and", left, right: this.#not() };
    return left;
  }

  #not(): Expression {
    if (this.#take("word", "not")) return { kind: "not", operand: this.#not() };
    if (!this.#take("symbol", "(")) return this.#match();
    const inner = this.#or();
    if (!this.#take("symbol", ")")) throw this.#unexpected('")"');
    return inner;
  }

  /** `selector operator value`, or `value [not] in selector`. */
  #match(): Expression {
    const start = this.#at;
    if (this.#isValue()) {
      const value = this.#value();
      const negated = this.#take("word", "not");
      if (this.#take("word", "in")) {
        return { kind: "match", selector: this.#selector(), operator: negated ? "Not In" : "In", value };
      }
      this.#at = start;
    }
    const selector = this.#selector();
    const operator = this.#operator();
    if (operator === "Is Empty" || operator === "Is Not Empty") return { kind: "match", selector, operator, value: "" };
    return { kind: "match", selector, operator, value: this.#value() };
  }

  #operator(): Operator {
    if (this.#take("symbol", "==")) return "Equal";
    if (this.#take("symbol", "!=")) return "Not Equal";
    if (this.#take("word", "is")) {
      const negated = this.#take("word", "not");
      if (!this.#take("word", "empty")) throw this.#unexpected('"empty"');
      return negated ? "Is Not Empty" : "Is Empty";
    }
    const negated = this.#take("word", "not");
    if (this.#take("word", "contains")) return negated ? "Not In" : "In";
    if (this.#take("word", "matches")) return negated ? "Not Matches" : "Matches";
    throw this.#unexpected('"!=", "==", "contains", "is", "matches", "not" or "."');
  }

  #selector(): string[] {
    const { kind, text } = this.#next;
    if (kind !== "word") throw this.#unexpected("the name of a field");
    this.#at++;
    const path = [text];
    for (;;) {
      if (this.#take("symbol", ".")) {
        const name = this.#next;
        if (name.kind !== "word") throw this.#unexpected("the name of a field");
        path.push(name.text);
        this.#at++;
      } else if (this.#take("symbol", "[")) {
        const key = this.#next as Token;
        if (key.kind !== "string") throw this.#unexpected("a quoted key");
        path.push(key.text);
        this.#at++;
        if (!this.#take("symbol", "]")) throw this.#unexpected('"]"');
      } else {
        return path;
      }
    }
  }

  #isValue(): boolean {
    return this.#next.kind === "string" || this.#next.kind === "number" || this.#next.kind === "word";
  }

  /** A string, a number, or a word, which may have dots. */
  #value(): string {
    if (!this.#isValue()) throw this.#unexpected("a value");
    if (this.#next.kind === "word") return this.#selector().join(".");
    const { text } = this.#next;
    this.#at++;
    return text;
  }

  #take(kind: Token["kind"], text: string): boolean {
    const next: Token = this.#next;
    const found = next.kind === kind && next.text === text;
    if (found) this.#at++;
    return found;
  }

  #unexpected(expected: string): Error {
    return problem(this.#next.at, `no match found, expected: ${expected}`);
  }
}
