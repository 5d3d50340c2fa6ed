import { constants } from "node:os";

/** How a program ended. */
export interface Exit {
  /** Its own code; 128+n when a signal ended it, 126 or 127 when it could not be started. */
  code: number;
  /** `exited with 3`, `was ended by SIGSEGV` */
  how: string;
}

export function describeExit(code: number | null, signal: NodeJS.Signals | null): Exit {
  if (signal === null) return { code: code ?? 1, how: `exited with ${code ?? 1}` };
  return { code: 128 + constants.signals[signal], how: `was ended by ${signal}` };
}
