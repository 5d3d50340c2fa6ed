import { writeAtomic } from "../core/files.ts";
import { formatJson, readJson } from "../core/json.ts";
import { freePort, isFree } from "./supervisor/ports.ts";

/** Ports by name, the same at every start of a workspace as long as they are free. */
export class PortBook {
  readonly #path: string;
  readonly #ports: Map<string, number>;
  readonly #taken = new Set<number>();

  private constructor(path: string, ports: Map<string, number>) {
    this.#path = path;
    this.#ports = ports;
  }

  static async open(path: string): Promise<PortBook> {
    const value = await readJson(path).catch(() => undefined);
    const entries =
      typeof value === "object" && value !== null
        ? Object.entries(value).filter((entry): entry is [string, number] => Number.isInteger(entry[1]))
        : [];
    return new PortBook(path, new Map(entries));
  }

  /** The port of `name`: the demanded one, the one it had, or a free one. */
  async take(name: string, demanded?: number): Promise<number> {
    const known = this.#ports.get(name);
    let port = demanded ?? known;
    if (demanded === undefined && (port === undefined || this.#taken.has(port) || !(await isFree(port))))
      port = await freePort(new Set([...this.#taken, ...this.#ports.values()]));
    const chosen = port as number;
    this.#taken.add(chosen);
    if (demanded === undefined) this.#ports.set(name, chosen);
    return chosen;
  }

  async save(): Promise<void> {
    await writeAtomic(this.#path, formatJson(Object.fromEntries(this.#ports)));
  }
}
