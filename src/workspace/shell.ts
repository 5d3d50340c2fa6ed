import { basename, join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { writeIfChanged } from "../core/files.ts";
import type { WorkspacePaths } from "../core/paths.ts";

/** How an interactive shell is started inside the workspace. */
export interface ShellCommand {
  argv: [string, ...string[]];
  /** Variables beside those of the workspace. */
  env: Record<string, string>;
}

/**
 * The user's own shell ($SHELL, else /bin/sh), activated after its start-up files, which often set PATH anew.
 * The files for that lie in `.flow/shell`; no start-up file of the user changes.
 */
export async function shellCommand(ctx: FlowContext, paths: WorkspacePaths): Promise<ShellCommand> {
  const program = ctx.env.SHELL || "/bin/sh";
  const dir = join(paths.state, "shell");
  const activate = `. ${quote(join(paths.home, "flow.sh"))}\n`;
  switch (basename(program)) {
    case "bash": {
      const file = join(dir, "bashrc");
      await writeIfChanged(file, `[ ! -f ~/.bashrc ] || . ~/.bashrc\n${activate}`);
      return { argv: [program, "--rcfile", file, "-i"], env: {} };
    }
    case "zsh": {
      const own = ctx.env.ZDOTDIR ?? ctx.env.HOME ?? "";
      const source = (name: string) => `[ ! -f "$FLOW_ZDOTDIR/${name}" ] || . "$FLOW_ZDOTDIR/${name}"\n`;
      await writeIfChanged(join(dir, "zsh", ".zshenv"), source(".zshenv"));
      await writeIfChanged(join(dir, "zsh", ".zshrc"), `${source(".zshrc")}ZDOTDIR=$FLOW_ZDOTDIR\n${activate}`);
      return { argv: [program, "-i"], env: { ZDOTDIR: join(dir, "zsh"), FLOW_ZDOTDIR: own } };
    }
    case "fish":
      return { argv: [program, "--init-command", `${quote(join(paths.bin, "flow"))} env fish | source`], env: {} };
    default:
      // POSIX shells read the file that ENV names.
      return { argv: [program, "-i"], env: { ENV: join(paths.home, "flow.sh") } };
  }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
