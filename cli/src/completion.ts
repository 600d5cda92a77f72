import type { Command } from 'commander';

/** Shells that `edict completion` knows. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Every path of subcommands with the words that may follow it. */
function words(command: Command, path: readonly string[] = []): readonly (readonly [string, readonly string[]])[] {
  const follow = [
    ...command.commands.map((sub) => sub.name()),
    ...command.options.flatMap(({ long, short }) => [long, short].filter((flag) => flag !== undefined)),
  ];
  return [[path.join(' '), follow], ...command.commands.flatMap((sub) => words(sub, [...path, sub.name()]))];
}

/** A completion script for the whole command tree. Files are completed where no word fits. */
export function completionScript(program: Command, shell: Shell): string {
  const name = program.name();
  const table = words(program);
  switch (shell) {
    case 'bash':
      return bash(name, table);
    case 'zsh':
      return `autoload -U +X bashcompinit && bashcompinit\n${bash(name, table)}`;
    case 'fish':
      return fish(name, table);
  }
}

function bash(name: string, table: readonly (readonly [string, readonly string[]])[]): string {
  const cases = table.map(([path, follow]) => `    '${path}') words='${follow.join(' ')}' ;;`).join('\n');
  return `_${name}_complete() {
  local path='' word words current="\${COMP_WORDS[COMP_CWORD]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${cases}
    *) words='' ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${name}_complete ${name}
`;
}

function fish(name: string, table: readonly (readonly [string, readonly string[]])[]): string {
  return table
    .flatMap(([path, follow]) =>
      follow.map((word) => {
        const seen =
          path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${path.split(' ').at(-1) ?? ''}`;
        const what = word.startsWith('--')
          ? `-l ${word.slice(2)}`
          : word.startsWith('-')
            ? `-s ${word.slice(1)}`
            : `-a ${word}`;
        return `complete -c ${name} -n '${seen}' ${what}`;
      }),
    )
    .concat('')
    .join('\n');
}
