import { cp, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  applyExamplePatch,
  createExampleUpstream,
  exampleGitPrefix,
  scaffoldExample,
  scaffoldRepository,
} from "../../../src/codegen/index.ts";
import { loadRepository } from "../../../src/config/index.ts";
import { Git } from "../../../src/core/git/index.ts";
import { checkoutRoot, testContext } from "../../support/context.ts";
import { tempDirectory } from "../../support/temp.ts";

describe("templates", () => {
  it("hold no generated file", async () => {
    const entries = await readdir(join(checkoutRoot, "templates"), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (const file of files) expect(await readFile(file, "utf8"), file).not.toContain("@generated");
    expect(files.length).toBeGreaterThan(20);
  });
});

describe("scaffoldRepository", () => {
  it("lays out a repository that loads, and leaves what is there alone", async () => {
    const dir = await tempDirectory();
    await writeFile(join(dir, "README.md"), "mine\n");
    const written = await scaffoldRepository(testContext(dir), { dir, organization: "acme", name: "depot" });
    expect(written).toEqual([".gitignore", "flow.yaml", "package.json", "tsconfig.json"]);
    expect(await readFile(join(dir, "README.md"), "utf8")).toBe("mine\n");
    expect(JSON.parse(await readFile(join(dir, "package.json"), "utf8"))).toMatchObject({
      name: "@acme/depot",
      type: "module",
    });
    expect(await loadRepository(dir)).toMatchObject({ name: "depot" });
  });
});

describe("scaffoldExample", () => {
  it("uses the team's names throughout", async () => {
    const dir = await tempDirectory();
    const written = await scaffoldExample(testContext(dir), { dir, organization: "umbrella", name: "store" });
    for (const path of written) {
      const text = await readFile(join(dir, path), "utf8");
      expect(text, path).not.toMatch(/\{\{|@acme\//);
    }
    expect((await loadRepository(dir)).definition.services).toMatchObject({
      product: { entry: "service/product/product.ts" },
      order: { depends: { product: "ready" } },
      "stock-report": { command: ["python3", "service/stock-report/stock_report.py"], ready: { http: "/healthz" } },
    });
  });

  it("takes Perl where there is no Python, and leaves the service out where there is neither", async () => {
    const dir = await tempDirectory();
    const bin = join(dir, "bin");
    await mkdir(bin);
    const ctx = testContext(dir, { env: { PATH: bin } });
    const without = join(dir, "without");
    await scaffoldExample(ctx, { dir: without, organization: "acme", name: "shop" });
    expect(Object.keys((await loadRepository(without)).definition.services ?? {})).toEqual(["product", "order"]);
    expect(ctx.events).toContainEqual(expect.objectContaining({ type: "message", level: "warn" }));

    await writeFile(join(bin, "perl"), "");
    const withPerl = join(dir, "perl");
    const written = await scaffoldExample(ctx, { dir: withPerl, organization: "acme", name: "shop" });
    expect(written.filter((path) => path.includes("stock-report"))).toEqual(["service/stock-report/stock_report.pl"]);
  });
});

describe("the example's git package", () => {
  it("always has the same commit, and is patched once, by an ordinary commit", async () => {
    const dir = await tempDirectory();
    const ctx = testContext(dir);
    const commits = await Promise.all(
      ["one", "two"].map(async (name) => {
        const { url, ref } = await createExampleUpstream(ctx, join(dir, name));
        return await new Git(ctx, url).text(["rev-parse", `${ref}^{commit}`]);
      }),
    );
    expect(commits[0]).toBe(commits[1]);

    const mirror = join(dir, "mirror");
    await cp(join(dir, "one"), join(mirror, exampleGitPrefix), {
      recursive: true,
      filter: (path) => !path.includes("/.git"),
    });
    const git = new Git(ctx, mirror);
    await git.run(["init", "--quiet"]);
    await git.run(["add", "--all"]);
    await git.run(["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "add"]);
    expect(await applyExamplePatch(ctx, mirror)).toBe(true);
    expect(await applyExamplePatch(ctx, mirror)).toBe(false);
    expect(await git.text(["status", "--porcelain"])).toBe("");

    const { formatMoney } = (await import(join(mirror, exampleGitPrefix, "money.js"))) as {
      formatMoney: (amount: number, currency: string) => string;
    };
    expect([formatMoney(1290, "EUR"), formatMoney(1980, "JPY")]).toEqual(["12.90 EUR", "1980 JPY"]);
  });

  it("is committed by the next run when one was ended after it applied the patch", async () => {
    const dir = await tempDirectory();
    const ctx = testContext(dir);
    await createExampleUpstream(ctx, join(dir, "money"));
    const mirror = join(dir, "mirror");
    await cp(join(dir, "money"), join(mirror, exampleGitPrefix), {
      recursive: true,
      filter: (path) => !path.includes("/.git"),
    });
    const git = new Git(ctx, mirror);
    await git.run(["init", "--quiet"]);
    await git.run(["add", "--all"]);
    await git.run(["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "add"]);
    const patch = join(checkoutRoot, "templates/shop/money/currency-digits.patch");
    await git.run(["apply", "--index", `--directory=${exampleGitPrefix}`, patch]);
    expect(await applyExamplePatch(ctx, mirror)).toBe(true);
    expect(await git.text(["status", "--porcelain"])).toBe("");
  });
});
