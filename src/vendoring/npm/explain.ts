import { FlowError, isFlowError, messageOf } from "../../core/errors.ts";
import { withoutSecrets } from "./secrets.ts";
import type { NpmSettings } from "./settings.ts";

const unreachable =
  /^(E(NOTFOUND|CONN|TIMEDOUT|AI_AGAIN|PIPE|PROTO|HOSTUNREACH|NETUNREACH|5\d\d|IDLETIMEOUT)|FETCH|ERR_SOCKET|ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/;

/** An error of npm's libraries as flow's own: what was wanted, and how to go on. No secret of the settings is in it. */
export function explainNpm(raw: unknown, what: string, settings: NpmSettings): FlowError {
  if (isFlowError(raw)) return raw;
  const error = withoutSecrets(raw, settings);
  const { code = "", requiredBy } = error as { code?: string; requiredBy?: string };
  const by = requiredBy === undefined || requiredBy === "." || requiredBy === "" ? "" : ` (needed by ${requiredBy})`;
  const message = `${messageOf(error).replace(/\s+/g, " ").trim()}${by}`;
  const resolve = (text: string, hint: string) =>
    new FlowError("FLOW_VENDOR_RESOLVE", `${text}: ${message}`, { cause: error, hint });
  const fetch = (text: string, hint: string) =>
    new FlowError("FLOW_VENDOR_FETCH", `${text}: ${message}`, { cause: error, hint });
  if (code === "E404" || code === "ETARGET" || code === "ENOVERSIONS") {
    return resolve(
      "the registry has no such package or version",
      "check the name and the range; for a private package, the registry and token in .npmrc",
    );
  }
  if (code === "ERESOLVE") {
    return resolve(
      "npm finds no set of versions that fits",
      "choose a version whose peer dependencies agree with what the mirror holds",
    );
  }
  if (code.startsWith("EALLOW")) {
    return resolve(
      "a package asks for something that no registry holds",
      "add what it names as a source of its own first (flow vendor add GIT-URL): the mirror then provides it",
    );
  }
  if (code === "EBADPLATFORM") {
    return resolve(
      "a package is not for this platform",
      "add the package that chooses between platforms instead of the platform's own",
    );
  }
  if (code === "EINTEGRITY") {
    return fetch(
      `${what} is not what the registry promised`,
      "it was changed on the way or replaced in the registry; nothing was imported. Check the proxy or mirror it came through",
    );
  }
  if (code === "E401" || code === "E403") return fetch("the registry refuses", "check the token in .npmrc");
  if (unreachable.test(code) || /timeout|network|socket hang up/i.test(message)) {
    return fetch(
      "the registry is out of reach",
      "check the network, the registry in .npmrc and the proxy settings, and run the command again: what arrived is kept",
    );
  }
  return resolve(`npm could not resolve ${what}`, "run the command with --verbose for the whole story");
}
