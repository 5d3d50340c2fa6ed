import type { ResolvedPackage } from "./resolve.ts";

/** This machine as flow names platforms: `linux-x64`, `linux-x64-musl`, `darwin-arm64`. */
export function hostPlatform(): string {
  const glibc = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header.glibcVersionRuntime;
  const musl = process.platform === "linux" && glibc === undefined;
  return `${process.platform}-${process.arch}${musl ? "-musl" : ""}`;
}

/** Whether one of the platforms can use a package: npm's rules for `os`, `cpu` and `libc`. */
export function fitsPlatforms(
  { os, cpu, libc }: Pick<ResolvedPackage, "os" | "cpu" | "libc">,
  platforms: readonly string[],
): boolean {
  return platforms.some((platform) => {
    const [system = "", machine = "", variant] = platform.split("-");
    return allows(os, system) && allows(cpu, machine) && (system !== "linux" || allows(libc, variant ?? "glibc"));
  });
}

function allows(list: readonly string[], value: string): boolean {
  if (list.includes(`!${value}`)) return false;
  const positive = list.filter((item) => !item.startsWith("!"));
  return positive.length === 0 || positive.includes(value) || positive.includes("any");
}

const systems: Readonly<Record<string, string>> = {
  linux: "linux",
  linuxmusl: "linux",
  darwin: "darwin",
  macos: "darwin",
  win32: "win32",
  windows: "win32",
};
const machines: Readonly<Record<string, string>> = {
  x64: "x64",
  amd64: "x64",
  x86_64: "x64",
  arm64: "arm64",
  aarch64: "arm64",
};

/**
 * The platform that a package's name says it is for, as such packages are named: `@esbuild/linux-x64`,
 * `@img/sharp-linuxmusl-arm64`. Undefined when it says none. Only for packages that a registry does not have.
 */
export function platformInName(name: string): string | undefined {
  const words = name.toLowerCase().split(/[^a-z0-9_]+/);
  const system = words.map((word) => systems[word]).find((found) => found !== undefined);
  const machine = words.map((word) => machines[word]).find((found) => found !== undefined);
  if (system === undefined || machine === undefined) return undefined;
  return `${system}-${machine}${words.some((word) => word.endsWith("musl")) ? "-musl" : ""}`;
}
