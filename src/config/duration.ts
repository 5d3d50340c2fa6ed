import * as z from "zod";

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** A duration as people write it (`500ms`, `5s`, `2m`, `1h`), read as milliseconds. */
export const duration = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m|h)$/, "must be a duration such as 500ms, 5s or 2m")
  .transform((text) => {
    const [, number, unit] = /^([\d.]+)(ms|s|m|h)$/.exec(text) ?? [];
    return Math.round(Number(number) * units[(unit ?? "s") as keyof typeof units]);
  });
