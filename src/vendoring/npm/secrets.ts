import type { NpmSettings } from "./settings.ts";

/** Keys of `.npmrc` whose values are secrets, at the top or for one host (`//host/:_authToken`). */
const secretKey = /(^|:)(_authToken|_auth|_password|certfile|keyfile|key|otp)$/;

/**
 * An error of npm's libraries as its message and code alone: what else they hang on one (headers, options) may hold
 * tokens, and so may a message that quotes a setting.
 */
export function withoutSecrets(error: unknown, settings: NpmSettings): Error {
  const {
    message = String(error),
    code,
    requiredBy,
  } = error as { message?: string; code?: string; requiredBy?: string };
  const plain = secretsOf(settings).reduce((text, secret) => text.replaceAll(secret, "***"), message);
  return Object.assign(new Error(plain), { code, requiredBy });
}

/** Every text that must not be shown, longest first: as written, decoded, and the credentials in a proxy's URL. */
function secretsOf(settings: NpmSettings): string[] {
  const found = Object.entries(settings).flatMap(([key, value]) => {
    if (typeof value !== "string") return [];
    if (secretKey.test(key)) return [value, ...Buffer.from(value, "base64").toString("utf8").split(":").slice(1)];
    const password = /^[a-z]+:\/\/[^/@:]*:([^/@]+)@/i.exec(value)?.[1];
    return password === undefined ? [] : [password, safeDecode(password)];
  });
  return found.filter((secret) => secret.length >= 4).sort((a, b) => b.length - a.length);
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
