import { join } from "node:path";
import { z } from "zod";
import { writeAtomic } from "../core/files.ts";
import { formatJson, readJson } from "../core/json.ts";

const schema = z.object({
  organization: z.string().optional(),
  module: z.string().optional(),
  mirror: z.string().optional(),
  example: z.string().optional(),
  from: z.string().optional(),
  full: z.boolean().optional(),
  /** Ids of steps that are to run once only, and did. */
  done: z.array(z.string()),
});

/**
 * What a bootstrap was asked for, written before anything else, so that the next run goes on with it.
 * That a step is done is seen in its result; only what must not be repeated (the example, once it was made) is noted here.
 */
export type Journal = z.infer<typeof schema>;

function journalPath(home: string): string {
  return join(home, ".flow", "bootstrap.json");
}

export async function readJournal(home: string): Promise<Journal | undefined> {
  const result = schema.safeParse(await readJson(journalPath(home)).catch(() => undefined));
  return result.success ? result.data : undefined;
}

export async function writeJournal(home: string, journal: Journal): Promise<void> {
  await writeAtomic(journalPath(home), formatJson(journal));
}
