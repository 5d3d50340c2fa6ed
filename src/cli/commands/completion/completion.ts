import { FlowError } from "../../../core/errors.ts";
import { defineCommand, type CommandEntry } from "../../command.ts";

const shells = ["bash", "zsh", "fish"] as const;
type Shell = (typeof shells)[number];

export const command = defineCommand({
  name: "completion",
  summary: "print the completion script of a shell",
  examples: [
    { command: 'eval "$(flow completion bash)"', explanation: "complete in this bash" },
    { command: "source <(flow completion zsh)", explanation: "complete in this zsh" },
    { command: "flow completion fish | source", explanation: "complete in this fish" },
  ],
  arguments: [{ syntax: "<shell>", description: shells.join(", ") }],
  json: false,
  run: async (_ctx, { args }) => {
    const shell = shells.find((name) => name === args.shell);
    if (shell === undefined)
      throw new FlowError("FLOW_USAGE", `there is no completion for ${String(args.shell)}`, {
        hint: `shells are: ${shells.join(", ")}`,
      });
    const { commands } = await import("../index.ts");
    return script(
      shell,
      commands.filter(({ hidden }) => hidden !== true),
    );
  },
  render: (text) => text,
});

interface Word {
  word: string;
  summary: string;
}

function script(shell: Shell, commands: readonly CommandEntry[]): string {
  const roots: Word[] = [];
  const verbs = new Map<string, Word[]>();
  for (const { name, summary } of commands) {
    const [noun, verb] = name.split(" ") as [string, string | undefined];
    if (verb === undefined) roots.push({ word: noun, summary });
    else {
      if (!verbs.has(noun)) roots.push({ word: noun, summary: `commands of ${noun}` });
      verbs.set(noun, [...(verbs.get(noun) ?? []), { word: verb, summary }]);
    }
  }
  return { bash, zsh, fish }[shell](roots, verbs);
}

/** Services complete after the commands that take one; names come from the running fleet, silently none without one. */
const serviceCommands = ["logs", "restart", "stop"];

function bash(roots: readonly Word[], verbs: ReadonlyMap<string, readonly Word[]>): string {
  const words = (list: readonly Word[]) => list.map(({ word }) => word).join(" ");
  const cases = [...verbs].map(
    ([noun, list]) => `    ${noun}) COMPREPLY=($(compgen -W "${words(list)}" -- "$cur")) ;;`,
  );
  return `_flow() {
  local cur="\${COMP_WORDS[COMP_CWORD]}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${words(roots)}" -- "$cur"))
    return
  fi
  case "$cur" in
  -*)
    COMPREPLY=($(compgen -W "$(flow completion-words options "\${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)" -- "$cur"))
    return
    ;;
  esac
  if [ "$COMP_CWORD" -eq 2 ]; then
    case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
    ${serviceCommands.join("|")}) COMPREPLY=($(compgen -W "$(flow completion-words services 2>/dev/null)" -- "$cur")) ;;
    script) COMPREPLY=($(compgen -W "$(flow completion-words scripts 2>/dev/null)" -- "$cur")) ;;
    *) COMPREPLY=($(compgen -f -- "$cur")) ;;
    esac
    return
  fi
  COMPREPLY=($(compgen -f -- "$cur"))
}
complete -F _flow flow
`;
}

function zsh(roots: readonly Word[], verbs: ReadonlyMap<string, readonly Word[]>): string {
  const list = (words: readonly Word[]) =>
    words.map(({ word, summary }) => `'${word}:${summary.replaceAll("'", "'\\''").replaceAll(":", "\\:")}'`).join(" ");
  const cases = [...verbs].map(
    ([noun, words]) => `      ${noun}) local -a verbs=(${list(words)}); _describe verb verbs ;;`,
  );
  return `#compdef flow
_flow() {
  if (( CURRENT == 2 )); then
    local -a roots=(${list(roots)})
    _describe command roots
  elif [[ "$words[CURRENT]" == -* ]]; then
    compadd -- \${(f)"$(flow completion-words options "\${(@)words[2,CURRENT-1]}" 2>/dev/null)"}
  elif (( CURRENT == 3 )); then
    case "$words[2]" in
${cases.join("\n")}
      ${serviceCommands.join("|")}) compadd -- \${(f)"$(flow completion-words services 2>/dev/null)"} ;;
      script) compadd -- \${(f)"$(flow completion-words scripts 2>/dev/null)"} ;;
      *) _files ;;
    esac
  else
    _files
  fi
}
compdef _flow flow
`;
}

function fish(roots: readonly Word[], verbs: ReadonlyMap<string, readonly Word[]>): string {
  const line = (condition: string, { word, summary }: Word) =>
    `complete -c flow -f -n '${condition}' -a '${word}' -d '${summary.replaceAll("'", "\\'")}'`;
  const lines = roots.map((word) => line("__fish_use_subcommand", word));
  for (const [noun, words] of verbs) {
    lines.push(...words.map((word) => line(`__fish_seen_subcommand_from ${noun}`, word)));
  }
  for (const name of serviceCommands)
    lines.push(
      `complete -c flow -f -n '__fish_seen_subcommand_from ${name}' -a '(flow completion-words services 2>/dev/null)'`,
    );
  lines.push(
    `complete -c flow -f -n '__fish_seen_subcommand_from script' -a '(flow completion-words scripts 2>/dev/null)'`,
  );
  lines.push(
    `complete -c flow -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' -a '(flow completion-words options (commandline -opc)[2..] 2>/dev/null)'`,
  );
  return `${lines.join("\n")}\n`;
}
