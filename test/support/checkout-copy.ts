import { execa } from "execa";
import { existsSync } from "node:fs";
import { cp, realpath } from "node:fs/promises";
import { join } from "node:path";
import { checkoutRoot } from "./context.ts";

/** A copy of this checkout with its dependencies, so that a test can take it away while what it made goes on. */
export async function copyCheckout(target: string): Promise<void> {
  const { stdout } = await execa("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: checkoutRoot,
  });
  for (const file of stdout.split("\0")) {
    if (file !== "" && existsSync(join(checkoutRoot, file)))
      await cp(join(checkoutRoot, file), join(target, file), { verbatimSymlinks: true });
  }
  // Hard links: the same files, in no time, and nothing of them leads back here.
  await execa("cp", ["-al", await realpath(join(checkoutRoot, "node_modules")), join(target, "node_modules")]);
}
