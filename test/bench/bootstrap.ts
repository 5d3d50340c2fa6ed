import { execa } from "execa";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { copyCheckout } from "../support/checkout-copy.ts";
import type { Bench } from "./support/bench.ts";
import { interleave, type Case } from "./support/measure.ts";
import { comparison } from "./support/table.ts";

/** What the demo prints once a call was answered. */
const answered = "A call went edge";
const cold = "nothing there: no cache, no workspace";

/** `./bootstrap.sh demo` from a checkout, until a call went through edge and services and its answer is printed. */
export async function measure({ dir, home, env }: Bench): Promise<string> {
  const checkout = join(dir, "checkout");
  const cache = join(dir, "cache");
  const workspace = join(dir, "workspace");
  await copyCheckout(checkout);
  let end: () => Promise<void> = async () => {};

  const demo = async () => {
    const child = execa(join(checkout, "bootstrap.sh"), ["demo", workspace], {
      cwd: checkout,
      env: { ...env, HOME: home, XDG_CACHE_HOME: cache },
      extendEnv: false,
      reject: false,
      stdin: "ignore",
      all: true,
    });
    end = async () => {
      child.kill("SIGINT");
      await child;
    };
    let said = "";
    await new Promise<void>((resolve, reject) => {
      child.all.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes(answered)) resolve();
      });
      void child.then(() => reject(new Error(`the demo ended before a call was answered:\n${said.slice(-4_000)}`)));
    });
  };
  const remove = async (...paths: string[]) => {
    for (const path of paths) await rm(path, { recursive: true, force: true, maxRetries: 5 });
    await mkdir(cache, { recursive: true });
  };
  const kind = (name: string, prepare: () => Promise<void>): Case => ({
    name,
    prepare,
    run: demo,
    finish: () => end(),
  });
  const samples = await interleave(
    [
      kind(cold, () => remove(workspace, cache)),
      kind("a new workspace, what was downloaded once in the cache", () => remove(workspace)),
      kind("the same workspace again", () => remove()),
    ],
    { rounds: 3 },
  ).finally(() => end());
  return [
    "`./bootstrap.sh demo` from a checkout, until a call through the edge and two services is answered and printed. It makes a workspace with its mirror, installs the tools, generates the code and starts the fleet, which it calls only when all of it has been healthy for a second.",
    comparison(samples, cold),
  ].join("\n\n");
}
