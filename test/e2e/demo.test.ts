import { execa } from "execa";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, realpath, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { poll } from "../../src/core/retry.ts";
import type { RunDocument } from "../../src/runner/index.ts";
import { copyCheckout } from "../support/checkout-copy.ts";
import { realConsul } from "../support/consul.ts";
import { directoryState } from "../support/directory-state.ts";
import { processesMentioning } from "../support/processes.ts";
import { freshMachine } from "../support/shared-cache.ts";

const real = realConsul();
if (real === undefined && process.env.CI === "true") throw new Error("CI needs the real Consul: FLOW_TEST_CONSUL");

let dir: string;
let checkout: string;
let home: string;

beforeAll(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), "flow-demo-")));
  checkout = join(dir, "checkout");
  home = join(dir, "home");
  await mkdir(home);
  await copyCheckout(checkout);
  return () => rm(dir, { recursive: true, force: true, maxRetries: 3 });
});

/** PATH without any Consul, or with the real one first. */
async function machine(consul: "embedded" | "real"): Promise<Record<string, string>> {
  const env = freshMachine(home);
  const path = (env.PATH ?? "").split(":").filter((entry) => !existsSync(join(entry, "consul")));
  if (consul === "real") {
    const bin = join(dir, "consul-bin");
    await mkdir(bin, { recursive: true });
    if (!existsSync(join(bin, "consul"))) await symlink(real as string, join(bin, "consul"));
    path.unshift(bin);
  }
  return { ...env, PATH: path.join(":") };
}

describe.each(["embedded", "real"] as const)("./bootstrap.sh demo with the %s Consul", (consul) => {
  const skip = consul === "real" && real === undefined;

  test.skipIf(skip)("ends with a fleet that answers; Ctrl-C ends all of it, and HOME is as it was", async () => {
    const before = await directoryState(home);
    const workspace = join(dir, `demo-${consul}`);
    const env = await machine(consul);
    const demo = execa(join(checkout, "bootstrap.sh"), ["demo", workspace], {
      cwd: checkout,
      env,
      extendEnv: false,
      reject: false,
      stdin: "ignore",
      all: true,
      detached: true,
    });
    let said = "";
    demo.all.on("data", (chunk) => (said += String(chunk)));
    const answered = await poll(() => said.includes("Espresso cup") && said.includes("Ctrl-C"), {
      timeoutMs: 240_000,
      everyMs: 100,
    });
    expect(answered, said).toBe(true);
    expect(said).toMatch(consul === "real" ? /real agent 1\./ : /embedded agent/);
    expect(said).toContain("flow ps");
    expect(processesMentioning(workspace).length).toBeGreaterThan(4);
    demo.kill("SIGINT");
    const { exitCode } = await demo;
    expect(exitCode).toBe(130);
    await expect.poll(() => processesMentioning(workspace), { timeout: 10_000 }).toEqual([]);
    expect(await directoryState(home)).toEqual(before);
  });

  test.skipIf(skip)(
    "the workspace goes on without the checkout: calls, one stack, restarts, and nothing left after a stop",
    async () => {
      const workspace = join(dir, `demo-${consul}`);
      const away = join(dir, "checkout-is-away");
      await rename(checkout, away);
      const env = await machine(consul);
      const flow = async (...args: string[]) =>
        await execa(join(workspace, "bin/flow"), args, {
          cwd: workspace,
          env,
          extendEnv: false,
          reject: false,
          stdin: "ignore",
        });
      const succeed = async (...args: string[]) => {
        const result = await flow(...args);
        expect(result, `flow ${args.join(" ")}\n${result.stderr}`).toMatchObject({ exitCode: 0 });
        return result.stdout;
      };
      const state = async () => JSON.parse(await succeed("ps", "--json")) as RunDocument;
      try {
        await succeed("run", "-d");
        const { run, services } = await state();
        expect(run?.consul?.kind).toBe(consul);
        expect(services.map(({ name, state }) => [name, state])).toEqual(
          expect.arrayContaining([
            ["product", "ready"],
            ["order", "ready"],
            ["stock-report", "ready"],
          ]),
        );
        const edge = `http://${run?.edge?.address}`;
        const post = async (path: string, body: object) =>
          await fetch(`${edge}${path}`, {
            method: "POST",
            body: JSON.stringify(body),
            signal: AbortSignal.timeout(10_000),
          });

        // browser → edge → order → product
        const created = await post("/api/trade.Order/Create", { productId: "012345", quantity: 1 });
        expect(created.status).toBe(200);
        expect(await created.json()).toMatchObject({ order: { productName: "Espresso cup" } });

        // gRPC, found by Consul and reflection
        expect(JSON.parse(await succeed("call", "/common.Product/Get", '{"id":"012345"}'))).toMatchObject({
          product: { name: "Espresso cup" },
        });
        if (process.env.FLOW_TEST_GRPCURL !== undefined) {
          const port = services.find(({ name }) => name === "product")?.port;
          const { stdout } = await execa(process.env.FLOW_TEST_GRPCURL, [
            "-plaintext",
            "-d",
            '{"id":"012345"}',
            `127.0.0.1:${port}`,
            "common.Product/Get",
          ]);
          expect(JSON.parse(stdout)).toMatchObject({ product: { name: "Espresso cup" } });
        }

        // one stack through both processes, in the log of the service that was asked
        expect((await post("/api/trade.Order/Create", { productId: "nope", quantity: 1 })).status).toBe(404);
        const log = await poll(
          async () =>
            (await succeed("logs", "order", "--grep", "product not found"))
              .split("\n")
              .find((line) => line.includes("stack=")),
          { timeoutMs: 5_000 },
        );
        expect(log).toMatch(/method=\/trade\.Order\/Create productId=nope .*stack=order\..*;product\..*;/);

        // the command that does not speak to Consul is registered and checked by flow
        const listed = JSON.parse(await succeed("services", "--json")) as { services: { name: string }[] };
        expect(listed.services.map(({ name }) => name)).toEqual(
          expect.arrayContaining(["order", "product", "stock-report"]),
        );

        // a killed service comes back, and calls of it are answered again
        const victim = services.find(({ name }) => name === "product")?.pid as number;
        process.kill(victim, "SIGKILL");
        const back = await poll(
          async () =>
            (await post("/api/common.Product/Get", { id: "012345" }).catch(() => undefined))?.status === 200 &&
            (await state()).services.some(
              ({ name, pid, state }) => name === "product" && pid !== victim && state === "ready",
            ),
          { timeoutMs: 30_000, everyMs: 100 },
        );
        expect(back).toBe(true);

        await succeed("restart", "product");
        expect((await post("/api/trade.Order/Create", { productId: "012345", quantity: 1 })).status).toBe(200);

        await succeed("stop");
        expect(processesMentioning(workspace)).toEqual([]);
        expect((await state()).run).toBeNull();

        // kill -9 of the supervisor leaves nothing either
        await succeed("run", "-d");
        process.kill((await state()).run?.supervisorPid as number, "SIGKILL");
        await expect.poll(() => processesMentioning(workspace), { timeout: 6_000 }).toEqual([]);
        await succeed("run", "-d");
        await succeed("stop");
        expect((await readdir(dirname(workspace))).sort()).toContain(`demo-${consul}`);
      } finally {
        await flow("stop", "--kill");
        await rename(away, checkout);
      }
    },
  );
});
