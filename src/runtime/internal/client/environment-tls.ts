import { environment } from "../../environment.ts";
import type { ClientTls } from "../transport/transport.ts";

/** What FLOW_TLS_CA, FLOW_TLS_NAME, FLOW_TLS_CERT and FLOW_TLS_KEY ask of calls; undefined for calls without TLS. */
export function environmentTls(): ClientTls | undefined {
  const { tlsCa: ca, tlsName: serverName, tlsCert: cert, tlsKey: key } = environment;
  if (ca === undefined) return undefined;
  return {
    ca,
    ...(serverName === undefined ? {} : { serverName }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}
