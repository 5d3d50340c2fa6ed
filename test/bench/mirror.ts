import { execa } from "execa";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { cloneMirror, neededDirectories } from "../../src/vendoring/index.ts";
import { testContext } from "../support/context.ts";
import { gitDaemon, smartHttp } from "../support/git-servers.ts";
import type { Bench } from "./support/bench.ts";
import { bigMirror } from "./support/big-mirror.ts";
import { interleave, type Case } from "./support/measure.ts";
import { comparison } from "./support/table.ts";

const plain = "`git clone`";

/** Getting a large mirror: git's ways beside flow's, over git's own protocol and over HTTP. */
export async function measure({ dir, env }: Bench): Promise<string> {
  const big = await bigMirror();
  const target = join(dir, "clone");
  const store = join(dir, "store");
  const ctx = testContext(dir, { env });
  const tables: string[] = [];
  for (const [protocol, serve] of [
    ["git daemon", gitDaemon],
    ["smart HTTP (git http-backend)", smartHttp],
  ] as const) {
    await using server = await serve(big.root);
    const url = server.url("mirror.git");
    const git = (name: string, ...options: string[]): Case => ({
      name,
      prepare: () => remove(target),
      run: async () => void (await execa("git", ["clone", "--quiet", ...options, url, target], { env })),
    });
    const flow = (name: string, options: Partial<Parameters<typeof cloneMirror>[1]>, isFirst = true): Case => ({
      name,
      prepare: async () => {
        await remove(target);
        if (isFirst) await remove(store);
      },
      run: async () => void (await cloneMirror(ctx, { dir: target, url, ...options })),
    });
    const cone = {
      cone: (held: Parameters<typeof neededDirectories>[0]) => neededDirectories(held, { packages: big.wanted }),
    };
    const samples = await interleave(
      [
        git(plain),
        git("`git clone --depth 1`", "--depth", "1"),
        git("`git clone --filter=blob:none`", "--filter=blob:none"),
        flow("flow: what two services need", cone),
        flow("flow `--full`", {}),
      ],
      { rounds: 2 },
    );
    // The store is filled once; then every clone is a second one.
    await remove(target);
    await cloneMirror(ctx, { dir: target, url, store, ...cone });
    const second = await interleave([flow("flow: a second workspace on the machine", { store, ...cone }, false)], {
      rounds: 5,
    });
    tables.push(`**${protocol}**`, comparison([...samples, ...second], plain));
  }
  await remove(target);
  const [files, objects] = [big.files, big.objects].map((count) => count.toLocaleString("en"));
  return [
    `A mirror of ${objects} objects in a pack of ${(big.packBytes / 1e9).toFixed(2)} GB, ${files} files of ${big.prefixes.toLocaleString("en")} packages in its newest state (\`node scripts/big-mirror.ts DIR\`), cloned over loopback until the work tree is there. The two services need about a dozen packages of it.`,
    ...tables,
  ].join("\n\n");
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
}
