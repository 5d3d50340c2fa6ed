import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

/** Writes a new Ed25519 key (PEM, PKCS #8) that only its owner can read; never over another. Returns its public key. */
export async function makeKey(path: string): Promise<string> {
  const { privateKey } = generateKeyPairSync("ed25519");
  await writeFile(path, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600, flag: "wx" });
  return publicText(privateKey);
}

/** The key in a file, or its PEM text in FLOW_RELEASE_KEY. */
export async function readKey(path: string | undefined, env: NodeJS.ProcessEnv): Promise<KeyObject> {
  const pem = path === undefined ? env.FLOW_RELEASE_KEY : await readFile(path, "utf8");
  if (pem === undefined || pem === "")
    throw new Error("no key to sign with: give --key FILE, or the key's PEM text in FLOW_RELEASE_KEY");
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== "ed25519") throw new Error(`the key is ${key.asymmetricKeyType}, not ed25519`);
  return key;
}

/** A key's public half as flow.yaml names it: `ed25519:` and its 32 bytes in base64. */
export function publicText(privateKey: KeyObject): string {
  const der = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return `ed25519:${der.subarray(-32).toString("base64")}`;
}

/** The text of `release.sig` for a manifest. Ed25519 has no randomness: one key gives one signature. */
export function signatureFile(manifest: Uint8Array, keys: readonly KeyObject[]): string {
  const signatures = keys.map((key) => ({
    key: publicText(key),
    signature: sign(null, manifest, key).toString("base64"),
  }));
  return `${JSON.stringify({ signatures }, null, 2)}\n`;
}
