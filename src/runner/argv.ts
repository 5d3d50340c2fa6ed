/** A command of flow.yaml as argv; a line is the shell's. */
export function shellArgv(command: string | readonly string[]): [string, ...string[]] {
  return typeof command === "string" ? ["/bin/sh", "-c", command] : ([...command] as [string, ...string[]]);
}
