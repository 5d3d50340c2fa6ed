/**
 * Makes a release of flow that installations take by `flow self-update`: the bundled command line, the runtime as a
 * library with types and maps, third-party notices, and a signed manifest. The same sources and key give the same bytes.
 *
 *   node scripts/release.ts --make-key FILE      a key to sign with; prints its public half
 *   node scripts/release.ts --key FILE [--out DIR] [--version V] [--trust PUBLIC-KEY]...
 *
 * The key's PEM text may come in FLOW_RELEASE_KEY instead of --key. The last line is the tarball's path.
 * docs/security.md says who trusts what.
 */
import { parseArgs } from "node:util";
import { path } from "zx";
import { makeKey, publicText, readKey } from "./release/keys.ts";
import { makeRelease } from "./release/make.ts";

const { values } = parseArgs({
  options: {
    "make-key": { type: "string" },
    key: { type: "string" },
    out: { type: "string", default: "dist/release" },
    version: { type: "string" },
    trust: { type: "string", multiple: true },
  },
});

if (values["make-key"] !== undefined) {
  const file = path.resolve(values["make-key"]);
  const key = await makeKey(file);
  console.error(`The key is in ${file}: keep it secret. Its public half, for flow.yaml:`);
  console.log(key);
} else {
  const key = await readKey(values.key, process.env);
  const { version, trust } = values;
  const tarball = await makeRelease({
    out: path.resolve(values.out),
    key,
    ...(version === undefined ? {} : { version }),
    ...(trust === undefined ? {} : { trust }),
  });
  console.error(`signed by ${publicText(key)}`);
  console.log(tarball);
}
