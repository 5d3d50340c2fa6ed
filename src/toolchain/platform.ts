import { arch, platform } from "node:os";

/** The platform as npm names it: `linux-x64`, `darwin-arm64`. */
export const thisPlatform = `${platform()}-${arch()}`;

/** Platforms that a lock holds hashes of. */
export const lockedPlatforms = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"] as const;

/** Fills `{version}`, `{os}` and `{arch}` in, as release archives of Go programs spell them: linux, darwin; amd64, arm64. */
export function fillTemplate(template: string, version: string, platformName: string = thisPlatform): string {
  const [os = "", cpu = ""] = platformName.split("-");
  return template
    .replaceAll("{version}", version)
    .replaceAll("{os}", os)
    .replaceAll("{arch}", cpu === "x64" ? "amd64" : cpu);
}
