import { tmpdir } from "node:os";
import { join } from "node:path";

/** A cache that tests share, as the workspaces of one machine do: what they download comes once. */
export const sharedCache = join(tmpdir(), "flow-test-cache");

/** Environment of a fresh machine whose only state is that cache: HOME is `home`, nothing of this process but PATH. */
export function freshMachine(home: string, extra: Record<string, string> = {}): Record<string, string> {
  const kept = ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"];
  const network = Object.entries(process.env).filter(
    ([name]) => kept.includes(name) || /^npm_config_registry$/i.test(name) || /_proxy$/i.test(name),
  );
  return {
    ...(Object.fromEntries(network) as Record<string, string>),
    HOME: home,
    XDG_CACHE_HOME: sharedCache,
    ...extra,
  };
}
