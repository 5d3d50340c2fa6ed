const urlPassword = /\b([a-z][a-z0-9+.-]*:\/\/)([^/\s:@]*):([^/\s@]*)@/gi;
const urlToken = /\b([a-z][a-z0-9+.-]*:\/\/)([^/\s:@]{16,})@/gi;
const querySecret = /([?&](?:access_token|token|api_key|key|password|secret|sig|signature)=)[^&\s#]+/gi;
const headerSecret =
  /\b((?:proxy-)?authorization|x-consul-token|cookie|private-token)(["']?\s*[:=]\s*["']?)(?:(?:bearer|basic|token)\s+)?[^\s"',;]+/gi;
const npmToken = /(_authToken|_auth|_password)(\s*=\s*)\S+/g;

/** Takes secrets out of a text: passwords and tokens in URLs, query strings, headers and `.npmrc` lines become `***`. */
export function redact(text: string): string {
  return text
    .replace(urlPassword, "$1$2:***@")
    .replace(urlToken, "$1***@")
    .replace(querySecret, "$1***")
    .replace(headerSecret, "$1$2***")
    .replace(npmToken, "$1$2***");
}
