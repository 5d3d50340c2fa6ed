import { networkTimeoutMs } from "../../core/network-timeout.ts";
import type { SharedMirror } from "./remote.ts";

export interface PushAnswer {
  ok: boolean;
  /** All that git and the remote said. */
  text: string;
}

/** One `git push`. A refusal is an answer; git-push(1), `--porcelain`. */
export async function pushRefs(
  { ctx, git, mirror }: SharedMirror,
  { refspecs, progress }: { refspecs: readonly string[]; progress: (line: string) => void },
): Promise<PushAnswer> {
  const result = await git.run(["push", "--porcelain", "--progress", "--", mirror.remote, ...refspecs], {
    okCodes: [0, 1, 128],
    idleTimeoutMs: networkTimeoutMs(ctx),
    onProgress: (line) => progress(line.trim()),
  });
  return { ok: result.exitCode === 0, text: `${result.stdout}\n${result.stderr}` };
}

export interface Refusal {
  /** Reference at the remote. */
  ref: string;
  reason: string;
  /** Somebody else was faster: fetching and trying again helps. */
  race: boolean;
}

/** References that a push did not move. */
export function refusals({ text }: PushAnswer): Refusal[] {
  return [...text.matchAll(/^!\t[^:\t]*:([^\t]+)\t(.*)$/gm)].map(([, ref = "", reason = ""]) => ({
    ref,
    reason,
    race: /^\[rejected\]|fetch first|non-fast-forward|cannot lock ref|failed to update ref|incorrect old value/.test(
      reason,
    ),
  }));
}
