/** What the edge takes and how long it waits. Times in ms, sizes in bytes. */
export interface EdgeLimits {
  /** Body of a request to a method without the `upload` flag. */
  bodyBytes: number;
  /** Body of an upload, and of what goes to a prefix. */
  uploadBytes: number;
  /** Bodies up to this size are held, so that they can be sent again to the next instance. */
  replayBytes: number;
  /** From a request's end to the first byte of its answer, when the client sets no deadline. */
  responseMs: number;
  /** Until an instance accepts a connection; then the next one is tried. */
  connectMs: number;
  /** Until a connection's request head is there. */
  headMs: number;
  /** Without a byte from a client that has yet to send, or to one that has yet to read. */
  clientIdleMs: number;
  /** A client's idle connection. Longer than the usual 60 s of load balancers, so that they close it first. */
  keepAliveMs: number;
  /** Instances tried for one request. */
  attempts: number;
  /** How long routes outlive a Consul that has forgotten everything. */
  graceMs: number;
}

export const defaultLimits: EdgeLimits = {
  bodyBytes: 16 * 1024 * 1024,
  uploadBytes: 4 * 1024 ** 3,
  replayBytes: 256 * 1024,
  responseMs: 60_000,
  connectMs: 2_000,
  headMs: 10_000,
  clientIdleMs: 30_000,
  keepAliveMs: 65_000,
  attempts: 4,
  graceMs: 15_000,
};
