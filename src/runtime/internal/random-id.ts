import { randomFillSync } from "node:crypto";

/** Filled at once: asking the system for each id costs more than the id. */
const pool = Buffer.allocUnsafe(4_096);
let at = pool.length;

/** Random hex digits, two for each of `bytes`. */
export function randomId(bytes: number): string {
  if (at + bytes > pool.length) {
    randomFillSync(pool);
    at = 0;
  }
  return pool.toString("hex", at, (at += bytes));
}
