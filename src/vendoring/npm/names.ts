import { FlowError } from "../../core/errors.ts";

/** Where a name is taken from when no registry may be asked for it. */
export interface OwnNames {
  /** Names and scopes (`@acme`) that only the team itself publishes. */
  ours: readonly string[];
  /** Names that the mirror provides itself, with the prefix that does. */
  provided: ReadonlyMap<string, string>;
}

/** Why no registry may be asked for `name`; undefined when it may. */
export function refusal(name: string, { ours, provided }: OwnNames): FlowError | undefined {
  const prefix = provided.get(name);
  if (prefix !== undefined) {
    return new FlowError(
      "FLOW_VENDOR_RESOLVE",
      `the mirror takes ${name} from ${prefix}, and its version there does not fit`,
      {
        hint: `move ${prefix} to a version that fits, or take it out of the mirror`,
      },
    );
  }
  if (!ours.some((own) => name === own || (own.startsWith("@") && name.startsWith(`${own}/`)))) return undefined;
  return new FlowError(
    "FLOW_VENDOR_OWN_NAME",
    `${name} is a name of your own and is never taken from a registry, where anybody could claim it`,
    { hint: "add it from its git repository: flow vendor add git@host:org/repo.git" },
  );
}

const mostBytes = 256 * 1024 ** 2;
const mostBytesOfOne = 2 * 1024 ** 2;

/**
 * The packuments that npm's libraries have read. They ask here before they ask a registry, so this is also where a
 * name that no registry may see is stopped.
 */
export class Packuments extends Map<string, object> {
  readonly #own: OwnNames;
  #bytes = 0;

  constructor(own: OwnNames) {
    super();
    this.#own = own;
  }

  override has(key: string): boolean {
    return super.has(key) || refusal(nameOf(key), this.#own) !== undefined;
  }

  override get(key: string): object | undefined {
    const refused = refusal(nameOf(key), this.#own);
    if (refused !== undefined) throw refused;
    return super.get(key);
  }

  override set(key: string, packument: object): this {
    const { _contentLength: bytes = 0 } = packument as { _contentLength?: number };
    if (bytes > mostBytesOfOne || this.#bytes + bytes > mostBytes) return this;
    this.#bytes += bytes;
    return super.set(key, packument);
  }
}

/** pacote's keys are `full:` or `corgi:` and the packument's address, whose end is the name, its slash escaped. */
function nameOf(key: string): string {
  return decodeURIComponent(key.slice(key.lastIndexOf("/") + 1));
}
