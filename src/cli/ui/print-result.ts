import { encodeBytes } from "../../core/bytes.ts";
import type { CliContext, CommandDefinition } from "../command.ts";

/** The one place where answers are printed: JSON, NDJSON or the command's own rendering. Waits for slow readers. */
export async function printResult(
  definition: CommandDefinition<unknown>,
  result: unknown,
  ctx: CliContext,
): Promise<void> {
  if (isStream(result)) {
    for await (const item of result) await write(ctx, ctx.json ? JSON.stringify(item) : definition.render?.(item, ctx));
  } else if (ctx.json) {
    await write(ctx, JSON.stringify(result ?? null, null, 2));
  } else {
    await write(ctx, definition.render?.(result, ctx));
  }
}

async function write(ctx: CliContext, text: string | undefined): Promise<void> {
  if (text === undefined || text === "") return;
  await new Promise<void>((resolve) =>
    ctx.streams.stdout.write(encodeBytes(text.endsWith("\n") ? text : `${text}\n`), () => resolve()),
  );
}

function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}
