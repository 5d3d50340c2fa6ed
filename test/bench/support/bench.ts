import { execa } from "execa";
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { unpackRelease, type UnpackedRelease } from "../../support/release.ts";

/** What a benchmark works with: the packed release, and places that are gone afterwards. */
export interface Bench {
  release: UnpackedRelease;
  /** A directory of its own. */
  dir: string;
  /** A HOME of its own. */
  home: string;
  /** The environment of everything that is measured: PATH, HOME, and how this machine reaches its network. */
  env: Record<string, string>;
}

/** Unpacks the release outside the checkout and gives `body` a quiet environment. */
export async function withBench<T>(body: (bench: Bench) => Promise<T>): Promise<T> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), "flow-bench-")));
  try {
    const home = join(dir, "home");
    await mkdir(home);
    const release = await unpackRelease(join(dir, "release"));
    const registry = (await execa("npm", ["config", "get", "registry"])).stdout.trim();
    const env = {
      ...networkSettings(),
      PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ""}`,
      HOME: home,
      npm_config_registry: registry,
    };
    return await body({ release, dir, home, env });
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

function networkSettings(): Record<string, string> {
  const names = /^(?:(?:https?|no|all)_proxy|node_extra_ca_certs|ssl_cert_(?:file|dir))$/i;
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => names.test(entry[0]) && entry[1] !== undefined,
    ),
  );
}
