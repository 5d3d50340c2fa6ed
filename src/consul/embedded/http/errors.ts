/** An answer other than success: Consul's status code and its sentence, sent as plain text. */
export class ApiError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** What the embedded agent leaves out on purpose. */
export function notImplemented(what: string): ApiError {
  return new ApiError(
    501,
    `The embedded Consul agent of flow does not implement ${what}. Run a real Consul agent for it: flow run --consul real`,
  );
}
