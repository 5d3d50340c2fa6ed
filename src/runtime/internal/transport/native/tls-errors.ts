import type { ClientTls, Endpoint } from "../transport.ts";

const untrusted = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
]);

/** What went wrong with TLS, and what to change. */
export function explainTls(
  error: Error & { code?: string },
  { host }: Endpoint,
  { ca, serverName }: ClientTls,
): string {
  const { code = "", message } = error;
  if (
    code.includes("WRONG_VERSION_NUMBER") ||
    code.includes("PACKET_LENGTH_TOO_LONG") ||
    code.includes("UNEXPECTED_MESSAGE")
  )
    return "the peer does not speak TLS on this port: call it without TLS, or let it serve with FLOW_TLS_CERT and FLOW_TLS_KEY";
  if (code.includes("NO_APPLICATION_PROTOCOL")) return "the peer speaks TLS, but not HTTP/2 (ALPN)";
  if (code.includes("CERTIFICATE_REQUIRED") || code.includes("HANDSHAKE_FAILURE"))
    return "the peer wants a certificate of its callers: name it with FLOW_TLS_CERT and FLOW_TLS_KEY";
  if (untrusted.has(code))
    return `nobody that is trusted here signed the peer's certificate (${message}): name its authority with FLOW_TLS_CA${ca === undefined ? "" : `, which is ${ca} now`}`;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return `the peer's certificate is not for ${serverName ?? host} (${message}): name whom it is for with FLOW_TLS_NAME`;
  if (code === "CERT_HAS_EXPIRED") return "the peer's certificate has expired: it has to be renewed there";
  if (code === "ECONNRESET") return "the peer ended the connection before TLS was ready";
  return message;
}
