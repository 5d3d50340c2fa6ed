import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  addSources,
  cloneMirror,
  mirrorStatus,
  openMirror,
  pushMirror,
  pushUpstream,
  syncMirror,
  updatePrefixes,
  verifyMirror,
} from "../../src/vendoring/index.ts";
import { commitFiles, git } from "../support/git-repository.ts";
import { setUpMirror } from "../support/mirror.ts";

/** Makes a bare repository refuse pushes to main, as a forge does with a protected branch. */
async function protect(remote: string): Promise<() => Promise<void>> {
  const hook = join(remote, "hooks/pre-receive");
  await writeFile(
    hook,
    '#!/bin/sh\nwhile read -r old new ref; do\n  if [ "$ref" = refs/heads/main ]; then echo "main is protected" >&2; exit 1; fi\ndone\n',
  );
  await chmod(hook, 0o755);
  return () => rm(hook);
}

describe("a protected branch", () => {
  /** What a forge does with a pull request. */
  const ways: Record<string, (clone: string, branch: string) => Promise<void>> = {
    merge: async (clone, branch) =>
      void (await git(clone, ["merge", "--quiet", "--no-ff", "--no-edit", `origin/${branch}`])),
    squash: async (clone, branch) => {
      await git(clone, ["merge", "--quiet", "--squash", `origin/${branch}`]);
      await git(clone, ["commit", "--quiet", "-m", "Pull request (#1)"]);
    },
    rebase: async (clone, branch) => {
      await git(clone, ["checkout", "--quiet", "-b", "work", `origin/${branch}`]);
      await git(clone, ["rebase", "--quiet", "--force-rebase", "main"]);
      await git(clone, ["checkout", "--quiet", "main"]);
      await git(clone, ["merge", "--quiet", "--ff-only", "work"]);
    },
  };

  test.each(Object.entries(ways))(
    "gets a branch for a pull request; after a %s the next update goes on",
    async (_, land) => {
      const { dir, ctx, mirror, remote, upstream, options } = await setUpMirror();
      await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
      await pushMirror(ctx, mirror);
      const unprotect = await protect(remote);
      await commitFiles(mirror, { "lib/ours.txt": "ours\n" }, "Patch");
      await commitFiles(upstream, { "a.txt": "one\n2\n3\n4\n5\n" }, "Next");
      await updatePrefixes(ctx, mirror, ["lib"], options);
      const { proposal } = await pushMirror(ctx, mirror);
      expect(proposal?.branch).toMatch(/^flow\/vendor-[0-9a-f]{9}$/);
      expect(await git(remote, ["rev-parse", `${proposal?.branch}^{tree}`])).toBe(
        await git(mirror, ["rev-parse", "HEAD^{tree}"]),
      );
      expect((await pushMirror(ctx, mirror)).proposal).toEqual(proposal);

      const forge = join(dir, "forge");
      await git(dir, ["clone", "--quiet", remote, forge]);
      await land(forge, proposal?.branch as string);
      await unprotect();
      await git(forge, ["push", "--quiet", "origin", "main", `:${proposal?.branch}`]);

      // here, without a sync between, and at a colleague's who has only what the forge made
      await commitFiles(upstream, { "a.txt": "one\n2\n3\n4\nfive\n" }, "Further");
      await updatePrefixes(ctx, mirror, ["lib"], options);
      await syncMirror(ctx, mirror);
      const colleague = await cloneMirror(ctx, { dir: join(dir, "colleague"), url: remote });
      await updatePrefixes(ctx, colleague.dir, ["lib"], options);
      for (const place of [mirror, colleague.dir]) {
        expect(await readFile(join(place, "lib/a.txt"), "utf8")).toBe("one\n2\n3\n4\nfive\n");
        expect(await readFile(join(place, "lib/ours.txt"), "utf8")).toBe("ours\n");
        const opened = await openMirror(ctx, place);
        expect(await mirrorStatus(ctx, opened)).toMatchObject([{ prefix: "lib", state: "patched" }]);
        expect((await verifyMirror(ctx, opened)).problems).toEqual([]);
      }
      await pushMirror(ctx, mirror);
      await syncMirror(ctx, colleague.dir);
      await git(colleague.dir, ["subtree", "pull", "-q", "--squash", "--prefix=lib", upstream, "main"]);
    },
  );

  test("that takes no other branch either is an error with the remote's own words, and nothing is lost", async () => {
    const { ctx, mirror, remote, upstream, options } = await setUpMirror();
    await pushMirror(ctx, mirror);
    await addSources(ctx, mirror, [upstream], { ...options, prefix: "lib" });
    const head = await git(mirror, ["rev-parse", "HEAD"]);
    const hook = join(remote, "hooks/pre-receive");
    await writeFile(hook, '#!/bin/sh\necho "the licence server is down" >&2\nexit 1\n');
    await chmod(hook, 0o755);
    await expect(pushMirror(ctx, mirror)).rejects.toMatchObject({
      code: "FLOW_VENDOR_REJECTED",
      cause: expect.stringContaining("the licence server is down"),
    });
    expect(await git(mirror, ["rev-parse", "HEAD"])).toBe(head);
  });
});

test("a push that is too large for one pack goes in several, and leaves only the branch", async () => {
  const { ctx, mirror, remote, options, registry } = await setUpMirror();
  await pushMirror(ctx, mirror);
  const names = ["p0", "p1", "p2", "p3"];
  const noise = (seed: number) => Buffer.from(Array.from({ length: 40_000 }, (_, at) => (at * at * (seed + 7)) % 251));
  registry.publish(...names.map((name, seed) => ({ name, version: "1.0.0", files: { "x.bin": noise(seed) } })));
  await addSources(
    ctx,
    mirror,
    names.map((name) => `npm:${name}`),
    options,
  );
  await pushMirror(ctx, mirror, { maxPackBytes: 10_000 });
  expect(ctx.events.filter((event) => event.type === "step" && event.phase === "progress").length).toBeGreaterThan(0);
  expect(await git(remote, ["rev-parse", "main"])).toBe(await git(mirror, ["rev-parse", "HEAD"]));
  expect(await git(remote, ["for-each-ref", "refs/flow/pushing"])).toBe("");
  expect(await git(remote, ["fsck", "--strict"])).not.toMatch(/error|missing/);
});

test("patches go to a fork with the hashes of git subtree split, and what cannot be pushed says why", async () => {
  const { dir, ctx, mirror, upstream, options } = await setUpMirror();
  await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
  await expect(pushUpstream(ctx, mirror, { name: "lib" })).rejects.toMatchObject({ code: "FLOW_VENDOR_NO_PATCHES" });
  await commitFiles(mirror, { "lib/ours.txt": "ours\n" }, "Patch");
  const fork = join(dir, "fork.git");
  await git(dir, ["clone", "--quiet", "--bare", upstream, fork]);
  const sent = await pushUpstream(ctx, mirror, { name: "lib", url: fork, branch: "from-acme" });
  expect(sent).toMatchObject({ commits: 1, commit: await git(mirror, ["subtree", "-q", "split", "--prefix=lib"]) });
  expect(await git(fork, ["log", "--format=%s", "main..from-acme"])).toBe("Patch");
  for (const bad of [{ url: "--receive-pack=id" }, { url: "ext::sh -c id" }, { branch: "x:refs/heads/main" }]) {
    await expect(pushUpstream(ctx, mirror, { name: "lib", url: fork, ...bad })).rejects.toMatchObject({
      code: "FLOW_VENDOR_BAD_SPEC",
    });
  }
});
