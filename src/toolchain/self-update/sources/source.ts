/** One release that a source has. */
export interface FoundRelease {
  version: string;
  /** Where it comes from, for people. */
  from: string;
  /** Writes its files into a directory. */
  fill(directory: string): Promise<void>;
}

export interface Wanted {
  /** Exactly this version. Default: the newest of the channel. */
  to: string | undefined;
  channel: "stable" | "next";
}

/** Finds a release; undefined when the source has none such. */
export type FindRelease = (wanted: Wanted) => Promise<{ release: FoundRelease | undefined; others: string[] }>;
