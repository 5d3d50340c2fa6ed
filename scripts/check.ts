/** Everything that can be known without running a test: `npm run check`. Prints one line per check, and what failed. */
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { $, fs } from "zx";
import { buildRelease } from "./pack/build.ts";
import { root } from "./pack/inputs.ts";

interface Finding {
  ok: boolean;
  output: string;
}

const bin = (name: string) => `${root}/node_modules/.bin/${name}`;

const checks: Record<string, () => Promise<Finding>> = {
  types: () => tool(bin("tsc"), "-p", "tsconfig.json"),
  lint: () => tool(bin("oxlint"), "--deny-warnings"),
  format: () => tool(bin("oxfmt"), "--check"),
  imports: () => tool(process.execPath, "scripts/check-imports.ts"),
  "dead code": () => tool(bin("knip"), "--no-progress"),
  package: checkPackage,
};

async function tool(...argv: string[]): Promise<Finding> {
  const { exitCode, stdout, stderr } = await $({ cwd: root, nothrow: true, quiet: true })`${argv}`;
  return { ok: exitCode === 0, output: `${stdout}${stderr}`.trim() };
}

/** The package as its users get it: its manifest, and that every dependency it names is one it imports. */
async function checkPackage(): Promise<Finding> {
  const { tarball, directory } = await buildRelease();
  const { buffer, byteOffset, byteLength } = await fs.readFile(tarball);
  const archive = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
  const { messages } = await publint({ pack: { tarball: archive }, strict: true });
  const manifest = (await fs.readJson(`${directory}/package.json`)) as Record<string, unknown>;
  // Templates are whole packages that flow lays out elsewhere; nobody resolves them where they lie.
  const ours = messages.filter(({ code }) => code !== "NESTED_PACKAGE_JSON_FIELD_IGNORED");
  const lines = ours.map((message) => formatMessage(message, manifest) ?? message.code);
  return { ok: lines.length === 0, output: lines.join("\n") };
}

const names = Object.keys(checks);
const started = performance.now();
let failed = 0;
await Promise.all(
  names.map(async (name) => {
    const begin = performance.now();
    const { ok, output } = await (checks[name] as () => Promise<Finding>)();
    if (!ok) failed += 1;
    console.log(`${ok ? "✓" : "✗"} ${name} (${seconds(begin)})${ok ? "" : `\n${output.replace(/^/gm, "    ")}\n`}`);
  }),
);
console.log(`${names.length - failed} of ${names.length} checks passed in ${seconds(started)}`);
process.exitCode = failed === 0 ? 0 : 1;

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
