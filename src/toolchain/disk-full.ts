import { FlowError, messageOf, systemCode } from "../core/errors.ts";

export function diskFull(cause: unknown): FlowError {
  return new FlowError("FLOW_DISK_FULL", "the disk is full", {
    cause: messageOf(cause),
    hint: "nothing was changed: what was in use still is. Make room and run the command again; flow tool gc frees what nothing refers to",
  });
}

/** The error as FLOW_DISK_FULL when that is what it is. */
export function explainDisk(error: unknown): unknown {
  return ["ENOSPC", "EDQUOT"].includes(systemCode(error) ?? "") ? diskFull(error) : error;
}
