import { appendFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { encodeBytes } from "../../src/core/bytes.ts";
import { Git } from "../../src/core/git/index.ts";
import {
  abortUpdate,
  addSources,
  cloneMirror,
  continueUpdate,
  diffPrefixes,
  exportPatches,
  findOutdated,
  mirrorStatus,
  openMirror,
  pushMirror,
  pushUpstream,
  removePrefixes,
  syncMirror,
  updatePrefixes,
  verifyMirror,
} from "../../src/vendoring/index.ts";
import { writeJournal } from "../../src/vendoring/journal.ts";
import { testContext } from "../support/context.ts";
import { flow } from "../support/flow.ts";
import { git } from "../support/git-repository.ts";
import { setUpMirror, type MirrorSetUp } from "../support/mirror.ts";
import { commitTree, directoryBytes, treeBytes, type TreeEntry } from "../support/tree-bytes.ts";

const file = (path: string | Uint8Array, content: string | Uint8Array = `${String(path)}\n`): TreeEntry => ({
  path,
  mode: "100644",
  content,
});
const program = (path: string, content = "#!/bin/sh\n"): TreeEntry => ({ path, mode: "100755", content });
const link = (path: string, target: string | Uint8Array): TreeEntry => ({ path, mode: "120000", content: target });
const bytes = (text: string) => Buffer.from(text, "latin1");

/** The prefix holds what upstream published, byte for byte, and git finds nothing wrong with the mirror. */
async function expectAsUpstream({ ctx, mirror, upstream }: MirrorSetUp, prefix = "lib"): Promise<void> {
  const commit = await git(upstream, ["rev-parse", "main"]);
  expect(await git(mirror, ["rev-parse", `HEAD:${prefix}`])).toBe(
    await git(upstream, ["rev-parse", `${commit}^{tree}`]),
  );
  expect(directoryBytes(join(mirror, prefix))).toEqual(await treeBytes(upstream, commit));
  await expectSound({ ctx, mirror });
  expect(await mirrorStatus(ctx, await openMirror(ctx, mirror))).toMatchObject([{ prefix, state: "clean" }]);
}

async function expectSound({ ctx, mirror }: Pick<MirrorSetUp, "ctx" | "mirror">): Promise<void> {
  // Stat data alone would let a changed file pass.
  await git(mirror, ["update-index", "--really-refresh"]);
  expect(await git(mirror, ["status", "--porcelain"])).toBe("");
  expect(await git(mirror, ["fsck", "--no-dangling"])).toBe("");
  expect((await verifyMirror(ctx, await openMirror(ctx, mirror))).problems).toEqual([]);
}

describe("names that are not UTF-8, or hold what programs stumble over", () => {
  const odd = [
    bytes("caf\xe9.txt"),
    bytes("dir\xff/in\xfe.txt"),
    "NFC \u00e9.txt",
    "NFD e\u0301.txt",
    "new\nline.txt",
    "tab\t.txt",
    'quo"te.txt',
    "back\\slash.txt",
    "-dash",
    "a  b ",
    "st*r?[x].txt",
    ":(glob)**",
    "#!x",
  ];
  const source = (content: string) => [
    ...odd.map((path) => file(path, `${content}\n1\n2\n3\n4\n`)),
    file("plain.txt", content),
  ];
  const latin = "\udcff";

  test("come in, are updated, and go, as they are", async () => {
    const setUp = await setUpMirror();
    const { ctx, mirror, upstream, options } = setUp;
    await commitTree(upstream, source("one"));
    await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
    await expectAsUpstream(setUp);
    await commitTree(upstream, [...source("two").slice(1), file(bytes("added\xe8"))]);
    await updatePrefixes(ctx, mirror, ["lib"], options);
    await expectAsUpstream(setUp);
    await commitTree(upstream, source("three"));
    await git(mirror, ["subtree", "pull", "-q", "--squash", "--prefix=lib", upstream, "main"]);
    await expectAsUpstream(setUp);
    expect(await git(mirror, ["subtree", "-q", "split", "--prefix=lib"])).toBe(
      await git(upstream, ["rev-parse", "main"]),
    );
    await removePrefixes(ctx, mirror, ["lib"], options);
    expect(existsSync(join(mirror, "lib"))).toBe(false);
    await expectSound(setUp);
  });

  test("are patched, shown escaped as git does, and sent upstream", async () => {
    const setUp = await setUpMirror();
    const { dir, ctx, env, mirror, upstream, options } = setUp;
    await commitTree(upstream, source("one"));
    await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
    const inMirror = (path: string) => Buffer.concat([Buffer.from(`${mirror}/lib/`), encodeBytes(path)]);
    appendFileSync(inMirror(`dir${latin}/in\udcfe.txt`), bytes("not UTF-8 either: \xe9\n"));
    writeFileSync(inMirror(`ours${latin}`), "ours\n");
    const [status] = await mirrorStatus(ctx, await openMirror(ctx, mirror));
    expect(status?.changes).toEqual([`lib/dir${latin}/in\udcfe.txt`, `lib/ours${latin}`]);
    const shown = await flow(["vendor", "status"], { cwd: mirror, env });
    expect(shown.stdout).toContain('not committed: "lib/dir\\377/in\\376.txt"');
    const asJson = await flow(["vendor", "status", "--json"], { cwd: mirror, env });
    expect(JSON.parse(asJson.stdout)).toMatchObject({ prefixes: [{ changes: status?.changes }] });
    await expect(removePrefixes(ctx, mirror, ["lib"], options)).rejects.toMatchObject({
      code: "FLOW_VENDOR_DIRTY",
      message: expect.stringContaining('"lib/ours\\377"'),
    });
    expect((await verifyMirror(ctx, await openMirror(ctx, mirror))).problems).toHaveLength(2);
    await git(mirror, ["add", "--all"]);
    await git(mirror, ["commit", "--quiet", "-m", "Patch"]);
    const [diff] = await diffPrefixes(ctx, mirror, { names: ["lib"] });
    expect(diff?.files.map(({ path }) => path)).toEqual(status?.changes);
    writeFileSync(join(dir, "lib.patch"), encodeBytes(diff?.diff ?? ""));
    await git(mirror, ["apply", "--check", "--reverse", join(dir, "lib.patch")]);

    // upstream goes on beside it: renames, deletes, and edits what we patched
    const next = source("two").filter(({ path }) => path !== "-dash" && path !== "tab\t.txt");
    await commitTree(upstream, [...next, file("renamed", "one\n1\n2\n3\n4\n")]);
    await updatePrefixes(ctx, mirror, ["lib"], options);
    await expectSound(setUp);
    const { files } = await exportPatches(ctx, mirror, { name: "lib", output: join(dir, "patches") });
    const clone = join(dir, "clone");
    await git(dir, ["clone", "--quiet", upstream, clone]);
    await git(clone, ["am", "--quiet", ...(files ?? [])]);
    expect(await git(clone, ["rev-parse", "HEAD^{tree}"])).toBe(await git(mirror, ["rev-parse", "HEAD:lib"]));
    await git(upstream, ["checkout", "--quiet", "--detach"]);
    const sent = await pushUpstream(ctx, mirror, { name: "lib", branch: "ours" });
    expect(sent.commit).toBe(await git(mirror, ["subtree", "-q", "split", "--prefix=lib"]));
    expect(await git(upstream, ["rev-parse", "ours^{tree}"])).toBe(await git(mirror, ["rev-parse", "HEAD:lib"]));
  });

  test("conflict, are resolved, taken back, and finished after a kill", async () => {
    const { ctx, mirror, upstream, options } = await setUpMirror();
    const name = bytes("caf\xe9.txt");
    await commitTree(upstream, [file(name, "1\n"), file("x")]);
    await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
    const path = Buffer.concat([Buffer.from(`${mirror}/lib/`), name]);
    writeFileSync(path, "ours\n");
    await git(mirror, ["commit", "--quiet", "--all", "-m", "Patch"]);
    const head = await git(mirror, ["rev-parse", "HEAD"]);
    await commitTree(upstream, [file(name, "theirs\n"), file(bytes("new\xff")), file("x")]);
    const update = updatePrefixes(ctx, mirror, ["lib"], options);
    await expect(update).rejects.toMatchObject({
      code: "FLOW_VENDOR_CONFLICT",
      message: expect.stringContaining('"lib/caf\\351.txt"'),
    });
    await expect(continueUpdate(ctx, mirror)).rejects.toMatchObject({ code: "FLOW_VENDOR_CONFLICT" });
    await abortUpdate(ctx, mirror);
    expect(await git(mirror, ["rev-parse", "HEAD"])).toBe(head);
    await expectSound({ ctx, mirror });
    await expect(updatePrefixes(ctx, mirror, ["lib"], options)).rejects.toMatchObject({ code: "FLOW_VENDOR_CONFLICT" });
    writeFileSync(path, "both\n");
    await continueUpdate(ctx, mirror);
    await expectSound({ ctx, mirror });
    expect(directoryBytes(join(mirror, "lib"))).toMatchObject({ "caf\xe9.txt": "100644 both\n" });

    // killed right after the branch moved, before any file did; one file was edited since
    const to = await git(mirror, ["rev-parse", "HEAD"]);
    await git(mirror, ["reset", "--quiet", "--hard", head]);
    await writeJournal(new Git(ctx, mirror), { from: head, to, branch: "refs/heads/main" });
    await git(mirror, ["update-ref", "refs/heads/main", to]);
    writeFileSync(path, "edited meanwhile\n");
    await openMirror(ctx, mirror);
    await expectSound({ ctx, mirror });
    expect(ctx.events).toContainEqual(
      expect.objectContaining({
        level: "warn",
        text: expect.stringMatching(/^"lib\/caf\\351.txt" was edited while .* kept at "/),
      }),
    );
  });
});

describe("kinds of entries", () => {
  test("change into each other in an update, with links to anywhere, and nothing outside is touched", async () => {
    const setUp = await setUpMirror();
    const { dir, ctx, mirror, upstream, options } = setUp;
    const outside = join(dir, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "f"), "precious\n");
    const first = [
      file("file-to-dir"),
      file("dir-to-file/f"),
      file("dir-to-link/f", "precious\n"),
      link("link-to-dir", outside),
      link("link-to-file", "nowhere"),
      file("file-to-link"),
      file("becomes-program"),
      program("becomes-file"),
      link("inside", "becomes-file"),
      link("out", "../../../etc/passwd"),
      link("odd-target", bytes("caf\xe9")),
    ];
    const second = [
      file("file-to-dir/f"),
      file("dir-to-file"),
      link("dir-to-link", outside),
      file("link-to-dir/f", "ours\n"),
      file("link-to-file"),
      link("file-to-link", "link-to-file"),
      program("becomes-program", "becomes-program\n"),
      file("becomes-file", "#!/bin/sh\n"),
    ];
    await commitTree(upstream, first);
    const added = await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
    expect(added.linksOut).toEqual([`lib/link-to-dir -> ${outside}`, "lib/out -> ../../../etc/passwd"]);
    await expectAsUpstream(setUp);
    const commits = [await git(mirror, ["rev-parse", "HEAD"])];
    for (const next of [second, first]) {
      await commitTree(upstream, next);
      await updatePrefixes(ctx, mirror, ["lib"], options);
      await expectAsUpstream(setUp);
      commits.push(await git(mirror, ["rev-parse", "HEAD"]));
    }
    // The same, finished after a kill with nothing checked out, and with everything.
    for (const [from, to, files] of [
      [commits[0], commits[1], commits[0]],
      [commits[1], commits[2], commits[1]],
      [commits[0], commits[1], commits[1]],
    ] as [string, string, string][]) {
      await git(mirror, ["reset", "--quiet", "--hard", files]);
      await writeJournal(new Git(ctx, mirror), { from, to, branch: "refs/heads/main" });
      await git(mirror, ["update-ref", "refs/heads/main", to]);
      await openMirror(ctx, mirror);
      await expectSound(setUp);
      expect(directoryBytes(join(mirror, "lib"))).toEqual(await treeBytes(mirror, `${to}:lib`));
    }
    expect(directoryBytes(outside)).toEqual({ f: "100644 precious\n" });
  });

  test("under a patch: what we changed follows a rename, survives a deletion as a conflict, and keeps its mode", async () => {
    const setUp = await setUpMirror();
    const { ctx, mirror, upstream, options } = setUp;
    const text = Array.from({ length: 20 }, (_, line) => `${line}\n`).join("");
    await commitTree(upstream, [file("old/name", text), program("tool", text), file("gone", text)]);
    await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "deep/er/lib" });
    for (const path of ["old/name", "tool"]) appendFileSync(join(mirror, "deep/er/lib", path), "ours\n");
    await git(mirror, ["commit", "--quiet", "--all", "-m", "Patch"]);
    await commitTree(upstream, [file("new/name", `top\n${text}`), file("tool", `top\n${text}`)]);
    await updatePrefixes(ctx, mirror, [], options);
    expect(directoryBytes(join(mirror, "deep/er/lib"))).toEqual({
      "new/name": `100644 top\n${text}ours\n`,
      tool: `100644 top\n${text}ours\n`,
    });
    await expectSound(setUp);
    await commitTree(upstream, [file("new/name", `top\n${text}`)]);
    await expect(updatePrefixes(ctx, mirror, [], options)).rejects.toMatchObject({
      details: { files: [{ path: "deep/er/lib/tool", kind: "modify/delete" }] },
    });
    await git(mirror, ["rm", "--quiet", "deep/er/lib/tool"]);
    await continueUpdate(ctx, mirror);
    await expectSound(setUp);
  });

  test("a repository that would write into git's own directory is refused with the file's name", async () => {
    const { ctx, mirror, upstream, options } = await setUpMirror();
    const head = await git(mirror, ["rev-parse", "HEAD"]);
    const start = await git(upstream, ["rev-parse", "HEAD"]);
    for (const bad of [
      file(".GIT/config"),
      file("a/.git\u200c/config"),
      file("git~1/config"),
      file(".git /config"),
      file(".git::$INDEX_ALLOCATION/config"),
      file("a\\.git\\config"),
      link(".gitmodules", "x"),
      link("a/.GITMODULES", "x"),
      link("GITMOD~1", "x"),
    ]) {
      await git(upstream, ["update-ref", "refs/heads/main", start]);
      await commitTree(upstream, [bad]);
      await expect(
        addSources(ctx, mirror, [upstream], { ...options, prefix: "lib" }),
        String(bad.path),
      ).rejects.toMatchObject({
        code: "FLOW_VENDOR_BAD_ARCHIVE",
      });
    }
    expect(await git(mirror, ["rev-parse", "HEAD"])).toBe(head);
    expect(await git(mirror, ["status", "--porcelain"])).toBe("");
  });
});

test("a manifest that somebody forged makes git run nothing and write no other reference", async () => {
  const { dir, ctx, mirror, upstream, options } = await setUpMirror();
  await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
  const text = await git(mirror, ["show", "HEAD:vendor-manifest.json"]);
  const ran = join(dir, "ran");
  const forged: [string, string][] = [
    [upstream, `ext::touch ${ran}`],
    [upstream, `--upload-pack=touch ${ran}`],
    ['"ref": "main"', '"ref": "main:refs/heads/evil"'],
    ['"ref": "main"', '"ref": "--upload-pack=id"'],
  ];
  for (const [honest, evil] of forged) {
    await writeFile(join(mirror, "vendor-manifest.json"), text.replace(honest, evil));
    await git(mirror, ["commit", "--quiet", "--all", "-m", "Forge"]);
    await expect(updatePrefixes(ctx, mirror, ["lib"], options), evil).rejects.toMatchObject({
      code: "FLOW_VENDOR_BAD_SPEC",
    });
    if (honest !== upstream) continue;
    const outdated = findOutdated(ctx, await openMirror(ctx, mirror), options);
    await expect(outdated).rejects.toMatchObject({ code: "FLOW_VENDOR_BAD_SPEC" });
  }
  expect(existsSync(ran)).toBe(false);
  expect(await git(mirror, ["for-each-ref", "--format=%(refname)", "refs/heads"])).toBe("refs/heads/main");
});

describe("submodules of an upstream", () => {
  const modules = (url: string) =>
    file(
      ".gitmodules",
      `[submodule "sub"]\n\tpath = third party/sub\n\turl = ${url}\n[submodule "evil"]\n\tpath = evil\n\turl = ext::sh -c id\n`,
    );
  const commit = "1".repeat(40);

  test("stay gitlinks, are known to git at the top, and stop nothing", async () => {
    const setUp = await setUpMirror();
    const { dir, ctx, mirror, upstream, remote, options } = setUp;
    const gitlink = (path: string, hash = commit): TreeEntry => ({ path, mode: "160000", content: hash });
    await commitTree(upstream, [
      file("x"),
      modules("../sub.git"),
      gitlink("third party/sub"),
      gitlink("evil"),
      gitlink("to-file"),
    ]);
    await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
    await expectAsUpstream(setUp);
    expect((await git(mirror, ["submodule", "status"])).split("\n")).toEqual([
      `-${commit} lib/evil`,
      `-${commit} lib/third party/sub`,
      `-${commit} lib/to-file`,
    ]);
    const config = (key: string) => git(mirror, ["config", "-f", ".gitmodules", "--default", "", key]);
    expect(await config("submodule.lib/third party/sub.url")).toBe(join(dir, "sub.git"));
    expect(await config("submodule.lib/evil.url")).toBe(".");
    await git(mirror, ["submodule", "--quiet", "update", "--init"]);
    expect(await diffPrefixes(ctx, mirror, { names: [] })).toEqual([]);
    await expect(
      addSources(ctx, mirror, [upstream], { ...options, prefix: "lib/third party/sub" }),
    ).rejects.toMatchObject({
      code: "FLOW_VENDOR_BAD_PREFIX",
    });

    // two people add such sources at once
    await pushMirror(ctx, mirror);
    const other = await cloneMirror(ctx, { dir: join(dir, "other"), url: remote });
    expect(await git(other.dir, ["submodule", "status"])).toContain(`-${commit} lib/evil`);
    await git(dir, ["clone", "--quiet", "--bare", upstream, "second"]);
    await addSources(ctx, mirror, [join(dir, "second")], { ...options, prefix: "a" });
    await addSources(ctx, other.dir, [join(dir, "second")], { ...options, prefix: "z" });
    await pushMirror(ctx, mirror);
    await pushMirror(ctx, other.dir);
    await syncMirror(ctx, mirror);
    expect((await git(mirror, ["submodule", "status"])).split("\n")).toHaveLength(9);
    await removePrefixes(ctx, mirror, ["a", "z"], options);

    // by hand, and after upstream moved one and made others into something else
    await commitTree(upstream, [
      file("x"),
      gitlink("third party/sub", "2".repeat(40)),
      file("evil/f"),
      file("to-file"),
    ]);
    await updatePrefixes(ctx, mirror, ["lib"], options);
    await expectAsUpstream(setUp);
    expect(await git(mirror, ["submodule", "status"])).toBe(`-${"2".repeat(40)} lib/third party/sub`);
    const [from, to] = [await git(mirror, ["rev-parse", "HEAD~"]), await git(mirror, ["rev-parse", "HEAD"])];
    await git(mirror, ["reset", "--quiet", "--hard", from]);
    await writeJournal(new Git(ctx, mirror), { from, to, branch: "refs/heads/main" });
    await git(mirror, ["update-ref", "refs/heads/main", to]);
    await openMirror(ctx, mirror);
    await expectAsUpstream(setUp);
    await commitTree(upstream, [file("y")]);
    await git(mirror, ["subtree", "pull", "-q", "--squash", "--prefix=lib", upstream, "main"]);
    await expectAsUpstream(setUp);
    await removePrefixes(ctx, mirror, ["lib"], options);
    expect(await git(mirror, ["submodule", "status"])).toBe("");
  });
});

describe("bytes and settings", () => {
  const crlf = "a\r\nb\r\n$Id$ $Format:%H$\r\n";
  const attributed = [
    file(
      ".gitattributes",
      "* text=auto eol=crlf ident export-subst\n*.txt text\n*.bin filter=lfs diff=lfs merge=lfs -text\n*.u16 text working-tree-encoding=UTF-16LE\n*.m merge=union\n* filter=evil\n",
    ),
    file("deep/.gitattributes", "*.txt text eol=lf\n"),
    file(".gitignore", "*.txt\nnode_modules\n"),
    file("crlf.txt", crlf),
    file("deep/crlf.txt", crlf),
    file("lf.txt", "a\nb\n$Id$\n"),
    file("x.bin", "binary\0\r\n"),
    file("y.u16", "\u00e9t\u00e9\n"),
    file("list.m", "1\n"),
    file("node_modules/dep/index.js", "dep\r\n"),
  ];
  const hostile = (dir: string) => `[core]
	autocrlf = true
	safecrlf = true
	eol = crlf
	quotePath = true
	hooksPath = ${join(dir, "hooks")}
	excludesFile = ${join(dir, "excludes")}
	fsmonitor = ${join(dir, "evil")}
	attributesFile = ${join(dir, "attributes")}
	splitIndex = true
	abbrev = 40
[color]
	ui = always
	remote = always
	diff = always
	status = always
[commit]
	gpgSign = true
[gpg]
	program = ${join(dir, "evil")}
[merge]
	ff = only
	renormalize = true
	conflictStyle = diff3
	renames = false
	directoryRenames = true
[diff]
	noprefix = true
	mnemonicPrefix = true
	external = ${join(dir, "evil")}
	ignoreSubmodules = all
	renames = copies
	submodule = log
[log]
	showSignature = true
	follow = true
	date = relative
[format]
	attach = true
	coverLetter = true
	signOff = true
	pretty = oneline
[i18n]
	logOutputEncoding = ISO-8859-1
	commitEncoding = ISO-8859-1
[fetch]
	prune = true
	recurseSubmodules = true
	fsckObjects = true
[remote "origin"]
	prune = true
[push]
	recurseSubmodules = check
	followTags = true
	default = nothing
[clone]
	defaultRemoteName = elsewhere
[status]
	showUntrackedFiles = no
	relativePaths = true
[grep]
	patternType = fixed
[submodule]
	recurse = true
[filter "lfs"]
	clean = ${join(dir, "evil")}
	smudge = ${join(dir, "evil")}
	process = ${join(dir, "evil")}
	required = true
[filter "evil"]
	clean = ${join(dir, "evil")}
	smudge = ${join(dir, "evil")}
[merge "lfs"]
	driver = ${join(dir, "evil")}
[diff "lfs"]
	textconv = ${join(dir, "evil")}
	command = ${join(dir, "evil")}
`;

  /** A person whose git runs a program at every occasion, which leaves a trace. */
  async function hostileSetUp() {
    const setUp = await setUpMirror();
    const { dir, env } = setUp;
    await writeFile(join(dir, "evil"), `#!/bin/sh\ntouch ${JSON.stringify(join(dir, "ran"))}\nexit 1\n`, {
      mode: 0o755,
    });
    mkdirSync(join(dir, "hooks"));
    for (const hook of ["pre-commit", "post-checkout", "post-merge", "pre-push", "reference-transaction", "commit-msg"])
      await writeFile(join(dir, "hooks", hook), `#!/bin/sh\nexec ${JSON.stringify(join(dir, "evil"))}\n`, {
        mode: 0o755,
      });
    await writeFile(join(dir, "excludes"), "node_modules\n*.txt\nlib\n");
    await writeFile(join(dir, "attributes"), "* text eol=crlf filter=lfs merge=lfs\n");
    await writeFile(join(dir, "gitconfig"), hostile(dir));
    const person = {
      ...env,
      GIT_CONFIG_GLOBAL: join(dir, "gitconfig"),
      GIT_EXTERNAL_DIFF: join(dir, "evil"),
      GIT_DIFF_OPTS: "-u0",
    };
    return { ...setUp, person, ctx: testContext(dir, { env: person }) };
  }

  test("of a package's .gitattributes and of a person's git change no byte and run no program", async () => {
    const setUp = await hostileSetUp();
    const { dir, ctx, mirror, upstream, remote, options, person } = setUp;
    await commitTree(upstream, attributed);
    // What serves it on this machine is not the person's to configure.
    await git(upstream, ["config", "core.hooksPath", "hooks"]);
    appendFileSync(join(mirror, ".gitattributes"), "*.m merge=union\n");
    await git(mirror, ["commit", "--quiet", "--all", "-m", "Attributes of the repository's own"]);
    await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
    await expectAsUpstream(setUp);
    appendFileSync(join(mirror, "lib/list.m"), "ours\n");
    await git(mirror, ["add", "--update"]);
    await git(mirror, ["commit", "--quiet", "-m", "Patch \u00e9"]);
    const next = attributed.map((entry) => (entry.path === "lf.txt" ? file("lf.txt", "c\n") : entry));
    await commitTree(upstream, [...next, file("more/caf\u00e9.txt", crlf)]);
    await updatePrefixes(ctx, mirror, ["lib"], options);
    await expectSound(setUp);
    const { files, patches } = await exportPatches(ctx, mirror, { name: "lib", output: join(dir, "patches") });
    expect(patches.map(({ subject }) => subject)).toEqual(["Patch \u00e9"]);
    const clone = join(dir, "clone");
    await git(dir, ["clone", "--quiet", upstream, clone]);
    await git(clone, ["am", "--quiet", ...(files ?? [])]);
    expect(await git(clone, ["rev-parse", "HEAD^{tree}"])).toBe(await git(mirror, ["rev-parse", "HEAD:lib"]));

    // a conflict is one, whatever merge driver the package names
    await commitTree(upstream, [...next.filter(({ path }) => path !== "list.m"), file("list.m", "1\ntheirs\n")]);
    await expect(updatePrefixes(ctx, mirror, ["lib"], options)).rejects.toMatchObject({
      details: { files: [{ path: "lib/list.m" }] },
    });
    await writeFile(join(mirror, "lib/list.m"), "1\nours\ntheirs\n");
    await continueUpdate(ctx, mirror);
    await pushMirror(ctx, mirror);
    const other = await cloneMirror(ctx, { dir: join(dir, "other"), url: remote });
    expect(directoryBytes(join(other.dir, "lib"))).toEqual(directoryBytes(join(mirror, "lib")));
    await pushUpstream(ctx, other.dir, { name: "lib", branch: "ours" });
    await addSources(ctx, other.dir, [`${upstream}@main`], { ...options, prefix: "not-pushed" });
    const refs = ["for-each-ref", "refs/flow/upstream"];
    const kept = await git(other.dir, refs);
    await syncMirror(ctx, other.dir);
    expect(await git(other.dir, refs)).toBe(kept);
    expect((await diffPrefixes(ctx, other.dir, { names: [] }))[0]?.diff).toContain("+++ b/lib/list.m");
    expect(existsSync(join(dir, "ran"))).toBe(false);

    // The person's own git finds nothing to do either, but for what it would run.
    await rm(join(dir, "evil"));
    const status = [
      "-c",
      "core.fsmonitor=false",
      "-c",
      "color.ui=false",
      "-c",
      "color.status=false",
      "status",
      "--porcelain",
    ];
    expect(await git(mirror, status, person)).toBe("");
    await git(mirror, ["subtree", "pull", "-q", "--squash", "--prefix=lib", upstream, "main"]);
    await expectSound(setUp);
  });
});
