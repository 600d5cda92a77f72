import type { Command } from 'commander';

/** Shells that `edict completion` knows. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What may stand behind one command's words. */
interface Level {
  /** The words of the command without the program's name: `rollout status`. */
  readonly path: readonly string[];
  readonly subcommands: readonly string[];
  readonly options: readonly Flag[];
  /** Values of the first argument, where it is one of a few. */
  readonly values: readonly string[];
}

interface Flag {
  readonly names: readonly string[];
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

/** A completion script for the whole command tree. Files are completed where no word fits. */
export function completionScript(program: Command, shell: Shell): string {
  // A plugin of kubectl is a program of its own: "kubectl edict" is "kubectl-edict".
  const name = program.name().replaceAll(' ', '-');
  const levels = levelsOf(program, []);
  switch (shell) {
    case 'bash':
      return bash(name, levels);
    case 'zsh':
      return `autoload -U +X bashcompinit && bashcompinit\n${bash(name, levels)}`;
    case 'fish':
      return fish(name, levels);
  }
}

function levelsOf(command: Command, path: readonly string[]): readonly Level[] {
  const options = command.options.map(({ long, short, argChoices, required, optional }) => ({
    names: [short, long].filter((flag) => flag !== undefined),
    takesValue: required || optional,
    choices: argChoices ?? [],
  }));
  return [
    {
      path,
      subcommands: command.commands.map((sub) => sub.name()),
      options: [...options, { names: ['-h', '--help'], takesValue: false, choices: [] }],
      values: command.registeredArguments[0]?.argChoices ?? [],
    },
    ...command.commands.flatMap((sub) => levelsOf(sub, [...path, sub.name()])),
  ];
}

/** Walks the words that are there: each subcommand goes one level down, everything else stays where it is. */
function bash(name: string, levels: readonly Level[]): string {
  const below = levels.filter(({ path }) => path.length > 0).map(({ path }) => `'${path.join(' ')}'`);
  const words = levels.map(({ path, subcommands, options, values }) => {
    const all = [...subcommands, ...values, ...options.flatMap(({ names }) => names)];
    return `    '${path.join(' ')}') words='${all.join(' ')}' ;;`;
  });
  const values = levels.flatMap(({ path, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map(({ names, choices }) => {
        const pattern = names.map((flag) => `'${path.join(' ')}:${flag}'`).join(' | ');
        return `    ${pattern}) words='${choices.join(' ')}' ;;`;
      }),
  );
  const identifier = name.replaceAll('-', '_');
  return `_${identifier}_complete() {
  local path='' word words='' i
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${path:+$path }\${COMP_WORDS[i]}"
    case "$word" in
      ${below.join(' | ')}) path="$word" ;;
    esac
  done
  case "$path:$previous" in
${values.join('\n')}
    *)
      case "$path" in
${words.map((line) => `    ${line}`).join('\n')}
      esac
      ;;
  esac
  COMPREPLY=()
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$words" -- "$current")
}
complete -o default -F _${identifier}_complete ${name}
`;
}

function fish(name: string, levels: readonly Level[]): string {
  return levels
    .flatMap(({ path, subcommands, options, values }) => {
      const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`);
      const none = subcommands.length === 0 ? [] : [`not __fish_seen_subcommand_from ${subcommands.join(' ')}`];
      const condition = [...seen, ...none].join('; and ');
      const line = (what: string): string => `complete -c ${name} -n '${condition}' ${what}`;
      return [
        ...[...subcommands, ...values].map((word) => line(`-f -a ${word}`)),
        ...options.map(({ names, takesValue, choices }) =>
          line(
            [
              ...names.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)),
              ...(takesValue ? ['-r'] : []),
              ...(choices.length === 0 ? [] : [`-f -a '${choices.join(' ')}'`]),
            ].join(' '),
          ),
        ),
      ];
    })
    .concat('')
    .join('\n');
}
