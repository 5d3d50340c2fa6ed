import { styleText } from "node:util";
import { ownLog } from "../../../runner/types.ts";

const palette = [
  "cyan",
  "green",
  "yellow",
  "blue",
  "magenta",
  "cyanBright",
  "greenBright",
  "yellowBright",
  "blueBright",
  "magentaBright",
] as const;

/** Prefixes of log lines: each service its colour, all equally wide. */
export class ServicePrefixes {
  readonly #colours = new Map<string, (typeof palette)[number]>();
  readonly #colour: boolean;
  #width = 0;

  constructor(names: readonly string[], colour: boolean) {
    this.#colour = colour;
    for (const name of names) this.#add(name);
  }

  #add(name: string): void {
    this.#colours.set(name, palette[this.#colours.size % palette.length] as (typeof palette)[number]);
    this.#width = Math.max(this.#width, name.length);
  }

  /** What the supervisor says: good news green, bad news red. */
  event(text: string): string {
    const format = / (?:failed|blocked|is crash-looping)/.test(text)
      ? "red"
      : / (?:ready|completed)/.test(text)
        ? "green"
        : "yellow";
    return this.line(ownLog, this.#colour ? styleText(format, text, { validateStream: false }) : text);
  }

  line(service: string, text: string): string {
    if (!this.#colours.has(service)) this.#add(service);
    const prefix = `${service.padEnd(this.#width)} │`;
    return `${this.#colour ? styleText(this.#colours.get(service) as "cyan", prefix, { validateStream: false }) : prefix} ${text}`;
  }
}
