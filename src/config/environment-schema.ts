import * as z from "zod";
import { command } from "./command.ts";

/**
 * A value that nobody may see: what a program prints (a password manager, vault, sops), less its last line end, or what
 * a file holds. Read at each start of the service; masked in its output, and in no file of flow's.
 */
const secret = z.union([z.strictObject({ secret: command }), z.strictObject({ secretFile: z.string().min(1) })]);

/** Variables by name. */
export const environment = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a variable's name"),
  z.union([z.union([z.string(), z.number(), z.boolean()]).transform(String), secret]),
);

export type Environment = z.infer<typeof environment>;
