import { confirm, isCancel } from "@clack/prompts";
import type { Streams } from "./streams.ts";

/** Asks on stderr; no answer means no. */
export async function askYesNo(question: string, streams: Streams): Promise<boolean> {
  const answer = await confirm({
    message: question,
    initialValue: false,
    input: streams.stdin,
    output: streams.stderr,
  });
  return !isCancel(answer) && answer;
}
