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
