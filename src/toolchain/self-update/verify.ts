import { readFile } from "node:fs/promises";
import { join } from "node:path";
import semver from "semver";
import { FlowError } from "../../core/errors.ts";
import { readPin } from "../../core/pins.ts";
import { checkFiles, manifestName, parseReleaseManifest, signatureName } from "./manifest.ts";
import { checkSignature } from "./signature.ts";

/**
 * Checks an unpacked release before anything of it runs: who signed it, that every file is the signed one, that it is
 * the version that was looked for.
 * @throws FlowError FLOW_UPDATE_UNTRUSTED, FLOW_UPDATE_BAD_RELEASE
 */
export async function verifyRelease(
  directory: string,
  { version, trusted }: { version: string; trusted: readonly string[] },
): Promise<void> {
  const bytes = await readFile(join(directory, manifestName)).catch(() => undefined);
  const signature = await readFile(join(directory, signatureName)).catch(() => undefined);
  checkSignature(bytes ?? Buffer.alloc(0), { signature: bytes === undefined ? undefined : signature, trusted });
  const manifest = parseReleaseManifest(bytes as Buffer);
  if (manifest.version !== version) {
    throw new FlowError("FLOW_UPDATE_BAD_RELEASE", `what is called flow ${version} is ${manifest.version}`, {
      hint: "somebody gave a release another's version: do not use it",
    });
  }
  await checkFiles(directory, manifest);
  const node = await readPin(directory, "FLOW_NODE_VERSION");
  if (semver.satisfies(node, manifest.node)) return;
  throw new FlowError("FLOW_UPDATE_BAD_RELEASE", `flow ${version} wants Node ${manifest.node} and pins ${node}`);
}
