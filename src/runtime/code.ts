/** Status codes of gRPC: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
export const Code = {
  Ok: 0,
  Cancelled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;

export type Code = (typeof Code)[keyof typeof Code];

const names = Object.fromEntries(
  Object.entries(Code).map(([name, code]) => [code, name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase()]),
);

/** `NOT_FOUND` for 5; `UNKNOWN` for what is no code. */
export function codeName(code: number): string {
  return names[code] ?? "UNKNOWN";
}

/** HTTP status of a code, after google/rpc/code.proto. */
export function httpStatus(code: number): number {
  return (
    {
      [Code.Ok]: 200,
      [Code.Cancelled]: 499,
      [Code.InvalidArgument]: 400,
      [Code.DeadlineExceeded]: 504,
      [Code.NotFound]: 404,
      [Code.AlreadyExists]: 409,
      [Code.PermissionDenied]: 403,
      [Code.ResourceExhausted]: 429,
      [Code.FailedPrecondition]: 400,
      [Code.Aborted]: 409,
      [Code.OutOfRange]: 400,
      [Code.Unimplemented]: 501,
      [Code.Unavailable]: 503,
      [Code.Unauthenticated]: 401,
    }[code as number] ?? 500
  );
}
