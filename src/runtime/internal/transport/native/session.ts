import { HeaderField, prepareFields, type Connection as Http2, type PreparedFields } from "../../../../http2/index.ts";

const regular = [
  new HeaderField("te", "trailers"),
  new HeaderField("content-type", "application/grpc+proto"),
  new HeaderField("grpc-accept-encoding", "identity,gzip"),
];

/** What is the same for every connection to an endpoint. */
export interface Caller {
  authority: string;
  scheme: "http" | "https";
  userAgent: string;
  maxMessageBytes: number;
  /** Requests of so many bytes and more go compressed, until a server says that it cannot read them. */
  gzipFrom: number;
}

/** One HTTP/2 connection of a client, and what its calls share. */
export class Session {
  readonly http2: Http2;
  readonly maxMessageBytes: number;
  gzipFrom: number;
  /** Header lists and chunks of data that came. */
  answers = 0;
  /** Header lists that were read and found good: the same block is decoded to the very same list. */
  goodHeaders: readonly HeaderField[] | undefined;
  goodTrailers: readonly HeaderField[] | undefined;
  readonly #first: readonly HeaderField[];
  readonly #last: readonly HeaderField[];
  readonly #requests = new Map<string, PreparedFields>();

  constructor(http2: Http2, { authority, scheme, userAgent, maxMessageBytes, gzipFrom }: Caller) {
    this.http2 = http2;
    this.maxMessageBytes = maxMessageBytes;
    this.gzipFrom = gzipFrom;
    this.#first = [
      new HeaderField(":method", "POST"),
      new HeaderField(":scheme", scheme),
      new HeaderField(":authority", authority),
    ];
    this.#last = [...regular, new HeaderField("user-agent", userAgent)];
  }

  /** A server that does not implement a call's encoding names those that it knows. */
  heedEncodings(accepted: string | undefined): void {
    if (accepted !== undefined && !accepted.split(",").some((name) => name.trim() === "gzip")) this.gzipFrom = Infinity;
  }

  /** The request's fields but for what each call has of its own. */
  request(path: string): PreparedFields {
    let prepared = this.#requests.get(path);
    if (prepared === undefined) {
      // Paths that a proxied peer makes up must not pile up here.
      if (this.#requests.size >= 1_000) this.#requests.clear();
      prepared = prepareFields([...this.#first, new HeaderField(":path", path), ...this.#last]);
      this.#requests.set(path, prepared);
    }
    return prepared;
  }
}
