/** The fields of this checkout's package.json that a release's is made from. */
export interface SourceManifest {
  name: string;
  version: string;
  description: string;
  license: string;
  type: string;
  bin: Record<string, string>;
  engines: Record<string, string>;
  exports: Record<string, unknown>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

/** A release's package.json: what a user of the package needs, without what building it needs. */
export function releaseManifest(source: SourceManifest, version: string): string {
  const { name, description, license, type, bin, engines, exports, dependencies } = source;
  return `${JSON.stringify({ name, version, description, license, type, bin, engines, exports, dependencies }, null, 2)}\n`;
}

/**
 * The version of a release made from these inputs. Work in progress gets a suffix from its content, so that a
 * changed checkout is another version and never mistaken for one that a mirror already holds.
 */
export function releaseVersion(version: string, inputsHash: string): string {
  // The letter before the digits: semver refuses an identifier that is all digits with a leading zero.
  return `${version}-dev.c${inputsHash.slice(0, 11)}`;
}
