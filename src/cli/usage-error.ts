import type { CommanderError } from "commander";
import { FlowError } from "../core/errors.ts";

/** What the parser complains about, as an error like all others: `words` are the command as far as it was understood. */
export function usageError(error: CommanderError, words: readonly string[]): FlowError {
  const [, message = "", suggestion] = /^(?:error: )?(.*?)(?:\n\(Did you mean (.*)\?\))?$/s.exec(error.message) ?? [];
  const command = ["flow", ...words].join(" ");
  return new FlowError("FLOW_USAGE", message.trim(), {
    hint:
      suggestion === undefined
        ? `${command} --help shows how it is used`
        : `did you mean ${suggestion.replace(/^one of /, "")}? ${command} --help shows all`,
  });
}
