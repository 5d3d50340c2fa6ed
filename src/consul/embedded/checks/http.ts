import { request as requestPlain, STATUS_CODES, type IncomingMessage } from "node:http";
import { connectionProblem } from "./problem.ts";
import type { HttpProbe, ProbeResult, Schedule } from "./probe.ts";

const maxRedirects = 10;

/** 2xx passes, 429 warns, anything else is critical. */
export async function probeHttp(probe: HttpProbe & Schedule): Promise<ProbeResult> {
  const signal = AbortSignal.timeout(probe.timeoutMs);
  try {
    let url = new URL(probe.url);
    for (let redirects = 0; ; redirects++) {
      const response = await send(url, probe, signal);
      const { statusCode = 0, headers } = response;
      const location = headers.location;
      if (probe.followRedirects && statusCode >= 301 && statusCode <= 308 && location !== undefined) {
        response.destroy();
        if (redirects === maxRedirects) throw new Error(`stopped after ${maxRedirects} redirects`);
        url = new URL(location, url);
        continue;
      }
      const reason = response.statusMessage || STATUS_CODES[statusCode] || "";
      const text = await firstBytes(response, probe.maxOutputBytes);
      return {
        status: statusCode >= 200 && statusCode < 300 ? "passing" : statusCode === 429 ? "warning" : "critical",
        output: `HTTP ${probe.method} ${probe.url}: ${statusCode} ${reason} Output: ${text}`,
      };
    }
  } catch (error) {
    const reason = signal.aborted
      ? `context deadline exceeded: no answer within ${probe.timeoutMs} ms`
      : connectionProblem(error);
    const verb = probe.method.charAt(0) + probe.method.slice(1).toLowerCase();
    return { status: "critical", output: `${verb} "${probe.url}": ${reason}` };
  }
}

async function send(url: URL, probe: HttpProbe, signal: AbortSignal): Promise<IncomingMessage> {
  const secure = url.protocol === "https:";
  const request = secure ? (await import("node:https")).request : requestPlain;
  return await new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: probe.method,
        signal,
        // Every check meets the server as a new client does.
        agent: false,
        headers: {
          "User-Agent": "Consul Health Check",
          Accept: "text/plain, text/*, */*",
          ...Object.fromEntries(
            // A request has one Host.
            Object.entries(probe.headers).map(([name, [first = "", ...more]]) => [
              name,
              more.length === 0 || name.toLowerCase() === "host" ? first : [first, ...more],
            ]),
          ),
          ...(probe.body === "" ? {} : { "Content-Length": Buffer.byteLength(probe.body) }),
        },
        ...(secure
          ? {
              rejectUnauthorized: !probe.skipVerify,
              ...(probe.serverName === "" ? {} : { servername: probe.serverName }),
            }
          : {}),
      },
      resolve,
    );
    sent.on("error", reject);
    sent.end(probe.body);
  });
}

async function firstBytes(response: IncomingMessage, maxOutputBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= maxOutputBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxOutputBytes).toString("utf8");
}
