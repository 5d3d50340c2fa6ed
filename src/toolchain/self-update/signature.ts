import { createPublicKey, verify } from "node:crypto";
import { z } from "zod";
import { FlowError } from "../../core/errors.ts";

const schema = z.object({
  signatures: z.array(z.object({ key: z.string(), signature: z.string() })).min(1),
});

/** Public keys are written `ed25519:<32 bytes in base64>`. */
const keyPrefix = "ed25519:";
/** What stands before the 32 bytes in a DER SubjectPublicKeyInfo (RFC 8410). */
const derPrefix = Buffer.from("302a300506032b6570032100", "hex");

/**
 * Checks Ed25519 signatures (RFC 8032) of a release's manifest. One of them by a trusted key is enough; a trusted
 * key whose signature is wrong is an attack or a fault, whatever the others say.
 * @returns the key that signed
 * @throws FlowError FLOW_UPDATE_UNTRUSTED
 */
export function checkSignature(
  manifest: Uint8Array,
  { signature, trusted }: { signature: Uint8Array | undefined; trusted: readonly string[] },
): string {
  if (trusted.length === 0) {
    throw untrusted("no key is trusted here", "flow.yaml names none, and the flow that runs brought none");
  }
  if (signature === undefined) throw untrusted("the release is not signed");
  const signatures = parse(signature);
  const known = signatures.filter(({ key }) => trusted.includes(key));
  if (known.length === 0) {
    throw untrusted(
      "the release is signed by an unknown key",
      [`signed by  ${signatures.map(({ key }) => key).join(", ")}`, `trusted    ${trusted.join(", ")}`].join("\n"),
    );
  }
  for (const { key, signature: text } of known) {
    if (!verify(null, manifest, publicKey(key), Buffer.from(text, "base64")))
      throw untrusted("the signature of the release is wrong", `of ${key}`);
  }
  return known[0]?.key as string;
}

function parse(bytes: Uint8Array): { key: string; signature: string }[] {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString("utf8"))).signatures;
  } catch {
    throw untrusted("the signature of the release cannot be read");
  }
}

function publicKey(key: string) {
  const raw = Buffer.from(key.slice(keyPrefix.length), "base64");
  return createPublicKey({ key: Buffer.concat([derPrefix, raw]), format: "der", type: "spki" });
}

function untrusted(message: string, cause?: string): FlowError {
  return new FlowError("FLOW_UPDATE_UNTRUSTED", message, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'nothing was changed. Ask who releases flow for your team; keys that may sign stand in flow.yaml as "update: { keys: [ed25519:…] }"',
  });
}
