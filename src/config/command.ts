import * as z from "zod";

/** argv, or a line for `/bin/sh -c`. */
export const command = z.union([z.string().min(1), z.array(z.string()).min(1)]);
