export const shells = ["bash", "zsh", "fish"] as const;
export type ShellName = (typeof shells)[number];

/** Lines that set variables in a shell: `eval "$(flow env)"`, `flow env fish | source`. */
export function formatExports(variables: Readonly<Record<string, string>>, shell: ShellName): string {
  const line = shell === "fish" ? fishLine : posixLine;
  return Object.entries(variables)
    .map(([name, value]) => `${line(name, value)}\n`)
    .join("");
}

function posixLine(name: string, value: string): string {
  return `export ${name}='${value.replaceAll("'", `'\\''`)}'`;
}

/** In fish's single quotes `\` and `'` are escaped, and PATH is a list. */
function fishLine(name: string, value: string): string {
  const quote = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const words = name === "PATH" ? value.split(":").map(quote).join(" ") : quote(value);
  return `set -gx ${name} ${words}`;
}
