import { exitCodes } from "../../../core/error-codes.ts";
import { FlowError } from "../../../core/errors.ts";
import { describeFailure, type CallFailure, type RpcError } from "../../../runtime/reflection.ts";

const unavailable = 14;
const deadlineExceeded = 4;

/** A failed call as an error of the command: code and message, then reason, fields, causes and the merged stack. */
export function callError(error: RpcError, method: string): FlowError {
  const failure = describeFailure(error);
  const { code, status, message } = failure;
  return new FlowError(
    code === unavailable ? "FLOW_CALL_UNAVAILABLE" : "FLOW_CALL_FAILED",
    `${method}: ${status}: ${message}`,
    {
      cause: new Error(particulars(failure)),
      details: { ...failure, frames: servedFrames(failure) },
      ...(code === deadlineExceeded ? { exitCode: exitCodes.timeout } : {}),
    },
  );
}

function particulars(failure: CallFailure): string {
  const { reason, fields, causes, id } = failure;
  const frames = servedFrames(failure);
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
  return [
    ...(reason === undefined ? [] : [`reason: ${reason}`]),
    ...(pairs.length === 0 ? [] : [`fields: ${pairs.join(" ")}`]),
    ...causes.map((cause) => `cause:  ${cause}`),
    ...(frames.length === 0 ? [] : ["stack:"]),
    ...frames.map(({ service, method, function: name, file, line }) => {
      const place = line === 0 ? "" : ` (${file}:${line})`;
      return `  at ${name}${place}   ${[service, method].filter(Boolean).join(" ")}`.trimEnd();
    }),
    ...(frames.length === 0 ? [] : [`id:     ${id}`]),
  ].join("\n");
}

/** The frames of services; flow's own are of no interest. */
function servedFrames({ frames }: CallFailure): CallFailure["frames"] {
  return frames.filter(({ service, method }) => service !== undefined || method !== undefined);
}
