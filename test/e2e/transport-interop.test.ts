import { execa } from "execa";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { selectTransport, type Connection } from "../../src/runtime/internal/transport/index.ts";
import { createAuthority } from "../support/certificates.ts";
import { clientCases } from "../support/interop/client.ts";
import { startGoServer } from "../support/interop/go-server.ts";
import { serveTokens } from "../support/interop/tokens.ts";
import { nginxPath, proxyByNginx } from "../support/interop/nginx.ts";
import { InteropServer } from "../support/interop/server.ts";

const ci = process.env.CI === "true";
const { FLOW_TEST_GRPC_INTEROP: goClient, FLOW_TEST_GRPC_INTEROP_SERVER: goServer } = process.env;
if (ci && (goClient === undefined || goServer === undefined))
  throw new Error("CI needs gRPC's interop programs: FLOW_TEST_GRPC_INTEROP, FLOW_TEST_GRPC_INTEROP_SERVER");

/** The cases of the official client that need neither TLS nor an identity. */
const goCases = [
  "empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
  "timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response", "status_code_and_message",
  "special_status_message", "custom_metadata", "unimplemented_method", "unimplemented_service", "pick_first_unary",
  "rpc_soak", "channel_soak", "orca_per_rpc", "orca_oob",
]; // prettier-ignore

/**
 * Those with an identity, which the client shows over TLS alone. Two are missing: compute_engine_channel_credentials and
 * google_default_credentials speak ALTS, or trust only what Google's own authority signs.
 */
const credentialCases = [
  "jwt_token_creds", "service_account_creds", "oauth2_auth_token", "per_rpc_creds", "compute_engine_creds",
]; // prettier-ignore

function flagsOf(name: string, port: number): string[] {
  const balancer = name.startsWith("orca") ? [`-service_config_json=${orca}`] : [];
  return ["-server_host=127.0.0.1", `-server_port=${port}`, `-test_case=${name}`, ...balancer];
}

const orca = '{"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}';

describe.each(["native", "grpc-js"])("the official Go client against a server on %s", (transport) => {
  test.skipIf(goClient === undefined)("passes all cases without TLS (FLOW_TEST_GRPC_INTEROP)", async () => {
    const server = await new InteropServer().listen(transport);
    onTestFinished(() => server.close());
    const failed = await failuresOf(goCases, (name) => flagsOf(name, server.port));
    expect(failed).toEqual({});
  });

  test.skipIf(goClient === undefined)("passes all cases with TLS, those with credentials too", async () => {
    const { ca, issue } = await createAuthority();
    const server = await new InteropServer().listen(transport, await issue("DNS:interop.flow.test"));
    onTestFinished(() => server.close());
    const { keyFile, account, scope, metadataHost } = await serveTokens();
    const secure = ["-use_tls", "-use_test_ca", `-ca_file=${ca}`, "-server_host_override=interop.flow.test"];
    const who = [
      `-service_account_key_file=${keyFile}`,
      `-oauth_scope=${scope}`,
      `-default_service_account=${account}`,
    ];
    const failed = await failuresOf(
      [...goCases, ...credentialCases],
      (name) => [...flagsOf(name, server.port), ...secure, ...who],
      { GCE_METADATA_HOST: metadataHost },
    );
    expect(failed).toEqual({});
  });
});

const nginx = spawnSync(nginxPath, ["-v"], { stdio: "ignore" }).status === 0;
if (ci && !nginx) throw new Error("CI needs nginx");

describe.skipIf(!nginx)("through nginx (grpc_pass)", () => {
  test.each(["native", "grpc-js"])("the cases pass to a server on %s, from native and from Go", async (transport) => {
    const server = await new InteropServer().listen(transport);
    onTestFinished(() => server.close());
    const port = await proxyByNginx(server.port);
    const connection = selectTransport("native").connect({ host: "127.0.0.1", port });
    onTestFinished(() => connection.close());
    for (const run of Object.values(clientCases)) await run(connection);
    if (goClient === undefined) return;
    expect(await failuresOf(goCases, (name) => flagsOf(name, port))).toEqual({});
  });
});

/** Runs the cases; what those say that fail. */
async function failuresOf(
  names: readonly string[],
  flags: (name: string) => string[],
  env: Record<string, string> = {},
): Promise<Record<string, string>> {
  const failed: Record<string, string> = {};
  for (const name of names) {
    const run = await execa(goClient as string, flags(name), { reject: false, timeout: 60_000, env });
    if (run.failed) failed[name] = `${run.stderr} ${run.shortMessage ?? ""}`;
  }
  return failed;
}

describe.skipIf(goServer === undefined)("the official Go server (FLOW_TEST_GRPC_INTEROP_SERVER)", () => {
  describe.each([
    ["native", "without"],
    ["native", "with"],
    ["grpc-js", "without"],
    ["grpc-js", "with"],
  ])("serves a client on %s %s TLS", (transport, tls) => {
    let connection: Connection;
    beforeAll(async () => {
      const dir = await mkdtemp(join(tmpdir(), "flow-interop-"));
      const { ca, issue } = await createAuthority(dir);
      const { cert, key } = await issue("DNS:interop.flow.test");
      const secure = tls === "with";
      const flags = secure ? ["-use_tls", `-tls_cert_file=${cert}`, `-tls_key_file=${key}`] : [];
      const server = await startGoServer(goServer as string, flags);
      connection = selectTransport(transport).connect(
        { host: "127.0.0.1", port: server.port },
        secure ? { tls: { ca, serverName: "interop.flow.test" } } : {},
      );
      return async () => {
        connection.close();
        await server.stop();
        await rm(dir, { recursive: true });
      };
    });

    test.each(Object.entries(clientCases))("%s", (_name, run) => run(connection));
  });
});
