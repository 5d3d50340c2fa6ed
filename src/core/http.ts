import { createHash, type Hash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { FlowContext } from "./context.ts";
import { FlowError, isFlowError, messageOf } from "./errors.ts";
import { networkTimeoutMs } from "./network-timeout.ts";
import { withProxy } from "./proxy.ts";
import { redact } from "./redact.ts";
import { retry } from "./retry.ts";

export interface DownloadOptions {
  /** Expected digests, all checked: `{ sha256: hex }` or `{ sha512: base64 }`. */
  sha256?: string;
  sha512?: string;
  /** Ms without a byte after which the transfer counts as dead, default {@link networkTimeoutMs}. */
  idleTimeoutMs?: number;
  /** Tries in all, default 3. A 4xx answer is final. */
  attempts?: number;
  headers?: Record<string, string>;
  onProgress?: (receivedBytes: number, totalBytes: number | undefined) => void;
}

/** GETs a text. @throws FlowError FLOW_HTTP_FAILED, FLOW_TIMEOUT */
export async function fetchText(ctx: FlowContext, url: string, options: DownloadOptions = {}): Promise<string> {
  return await attempt(ctx, url, options, async (response, touch) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body ?? []) {
      touch();
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  });
}

/**
 * Downloads into `target` by stage-then-rename: the file is whole and verified, or absent.
 * @throws FlowError FLOW_HTTP_FAILED (status, broken transfer, wrong digest), FLOW_TIMEOUT (no byte for `idleTimeoutMs`)
 */
export async function download(
  ctx: FlowContext,
  url: string,
  target: string,
  options: DownloadOptions = {},
): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const staged = join(dirname(target), `.${basename(target)}.${process.pid}.part`);
  try {
    await attempt(ctx, url, options, async (response, touch) => {
      const length = Number(response.headers.get("content-length"));
      const total = response.headers.get("content-encoding") === null && length > 0 ? length : undefined;
      const hashes = { sha256: createHash("sha256"), sha512: createHash("sha512") };
      let received = 0;
      const meter = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          touch();
          received += chunk.length;
          hashes.sha256.update(chunk);
          hashes.sha512.update(chunk);
          options.onProgress?.(received, total);
          done(null, chunk);
        },
      });
      await pipeline(Readable.fromWeb(response.body as never), meter, createWriteStream(staged));
      if (total !== undefined && received !== total) {
        throw new FlowError("FLOW_HTTP_FAILED", `${url}: the transfer broke off after ${received} of ${total} bytes`);
      }
      checkDigests(url, options, hashes);
    });
    await rename(staged, target);
  } finally {
    await rm(staged, { force: true });
  }
}

function checkDigests(url: string, expected: DownloadOptions, hashes: { sha256: Hash; sha512: Hash }): void {
  const actual = { sha256: hashes.sha256.digest("hex"), sha512: hashes.sha512.digest("base64") };
  for (const algorithm of ["sha256", "sha512"] as const) {
    const want = expected[algorithm];
    if (want !== undefined && want.toLowerCase() !== actual[algorithm].toLowerCase()) {
      throw new FlowError("FLOW_HTTP_FAILED", `${url}: its ${algorithm} is ${actual[algorithm]}, expected ${want}`, {
        hint: "the file was changed or replaced on the way; do not use it. Check the proxy or mirror it came from",
        details: { final: true },
      });
    }
  }
}

async function attempt<T>(
  ctx: FlowContext,
  url: string,
  options: DownloadOptions,
  consume: (response: Response, touch: () => void) => Promise<T>,
): Promise<T> {
  return await withProxy(ctx, () => attemptDirectly(ctx, url, options, consume));
}

async function attemptDirectly<T>(
  ctx: FlowContext,
  url: string,
  options: DownloadOptions,
  consume: (response: Response, touch: () => void) => Promise<T>,
): Promise<T> {
  const idleMs = options.idleTimeoutMs ?? networkTimeoutMs(ctx);
  return await retry(
    async () => {
      const idle = new AbortController();
      let timer = setTimeout(() => idle.abort(), idleMs);
      const touch = () => {
        clearTimeout(timer);
        timer = setTimeout(() => idle.abort(), idleMs);
      };
      try {
        const response = await fetch(url, {
          signal: AbortSignal.any([ctx.signal, idle.signal]),
          ...(options.headers === undefined ? {} : { headers: options.headers }),
        });
        touch();
        if (!response.ok) {
          await response.body?.cancel();
          throw new FlowError(
            "FLOW_HTTP_FAILED",
            `${url} answered ${response.status} ${response.statusText}`.trimEnd(),
            {
              details: { status: response.status, final: response.status < 500 && response.status !== 429 },
            },
          );
        }
        return await consume(response, touch);
      } catch (error) {
        ctx.signal.throwIfAborted();
        if (idle.signal.aborted) {
          throw new FlowError("FLOW_TIMEOUT", `${url}: no answer for ${idleMs / 1000} s`, {
            hint: "check the network, HTTPS_PROXY, and that the host is up",
          });
        }
        if (isFlowError(error)) throw error;
        throw new FlowError("FLOW_HTTP_FAILED", `${redact(url)}: ${reason(error)}`, {
          cause: error,
          hint: "check the network, HTTPS_PROXY, and the address",
        });
      } finally {
        clearTimeout(timer);
      }
    },
    {
      attempts: options.attempts ?? 3,
      retryable: (error) => !(isFlowError(error) && error.details?.final === true),
      signal: ctx.signal,
    },
  );
}

/** fetch hides the reason in `cause`. */
function reason(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? messageOf(error.cause) : messageOf(error);
}
