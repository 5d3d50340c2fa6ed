import { FlowError } from "../../../core/errors.ts";

/** The longest that a timer takes: 24 days. */
const mostSeconds = 2_147_483;

/** A number of seconds as an option's value, in ms. @throws FlowError FLOW_USAGE */
export function parseSeconds(option: string, text: string): number {
  const seconds = Number(text);
  if (text.trim() === "" || !(seconds > 0 && seconds <= mostSeconds))
    throw new FlowError("FLOW_USAGE", `${option}: "${text}" is no number of seconds`, {
      hint: `for example ${option} 30`,
    });
  return Math.ceil(seconds * 1_000);
}
