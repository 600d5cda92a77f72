import type { createProgram } from '../../cli/src/program.ts';

type Command = ReturnType<typeof createProgram>;
type Argument = Command['registeredArguments'][number];
type Option = Command['options'][number];

const HEAD = `# The command line

<!-- Made from cli/src by "npm run generate". Do not edit. -->
<!-- prettier-ignore-start -->

\`edict\` works on files, on the all-in-one (\`edict up\`), and on a cluster. In a checkout it is \`npm run -s edict --\`; under the name
\`kubectl-edict\` on the PATH (a link to it suffices) it is \`kubectl edict\`.

## Exit codes

| code | meaning |
|---|---|
| 0 | Done. A decision was made, whether GRANT or DENY. |
| 1 | Wrong usage, bad input, a failed test, a rollout that failed or was not over in time. |
| 3 | Unknown command. |
| 130 | Interrupted. \`edict up\` ends with 0 when it is asked to. |

Results go to standard output, everything else to standard error. \`-o json\` gives one JSON document; when it ends with 1, the
document says why. List options may be repeated or separated by commas.

## Which Edict is meant

\`rollout\`, \`history\`, \`pdps\`, \`why\` and \`diff\` ask the all-in-one that \`--server\` or \`EDICT_SERVER\` names, else the cluster of the kubeconfig
(\`--kubeconfig\`, \`KUBECONFIG\`, \`~/.kube/config\`) with your own credentials, else an all-in-one on its usual port.
\`pdps\` and \`why\` ask the leading operator through the apiserver, which needs the right to \`get\` its Lease and \`pods/proxy\`.
\`doctor\` asks the cluster and nobody else; [its page](doctor.md) has what it finds.

## For users of Manetu's \`mpe\`

| \`mpe\` | here |
|---|---|
| \`lint -f\`, \`build -f\`, \`test decisions -b -i --test\`, \`test mapper -b -i -n\`, \`test envoy -b -i -n\` | the same |
| \`build -o FILE\` | \`build --output-file FILE\`: \`-o\` is the form of the output everywhere |
| \`test decision -b -i\` | \`decide -b -i\` (\`-o json\` prints the access record) |
| \`serve -b\` | \`up --folder\` |
| \`lint --regal\`, \`--opa-flags\`, \`--no-opa-flags\` | not needed: the compiler is built in; each module says which Rego it is |

Files of all three apiVersions are taken as they are. A PolicyDomainReference is built in memory; nothing is written beside it
but by \`build\`. Where \`mpe\` crashes (a test without a porc, a mapper that answers null), this is an error with exit code 1.
\`lint\` looks at every file that it is given, whatever its name ends with.
`;

/** The page that describes every command, from the commands themselves. */
export function cliPage(program: Command): string {
  return `${HEAD}\n## Commands\n${program.commands.flatMap((command) => sections(command, program.name())).join('')}\n<!-- prettier-ignore-end -->\n`;
}

function sections(command: Command, parent: string): readonly string[] {
  const path = `${parent} ${command.name()}`;
  if (command.commands.length > 0) return command.commands.flatMap((sub) => sections(sub, path));
  const usage = [path, command.options.length > 0 ? '[options]' : '', ...command.registeredArguments.map(argumentText)];
  const rows = [
    ...command.registeredArguments.map((argument) => row(argumentText(argument), argument)),
    ...command.options.map((option) => row(option.flags, option)),
  ];
  const table = rows.length === 0 ? '' : `\n| option | meaning |\n|---|---|\n${rows.join('')}`;
  return [
    `\n### ${path}\n\n\`${usage.filter((part) => part !== '').join(' ')}\`\n\n${command.description()}\n${table}`,
  ];
}

function row(
  name: string,
  { description, argChoices, defaultValue, defaultValueDescription, ...rest }: Argument | Option,
): string {
  const required = 'mandatory' in rest && rest.mandatory && defaultValue === undefined ? ' Required.' : '';
  const choices = argChoices === undefined ? '' : ` One of ${argChoices.map((choice) => `\`${choice}\``).join(', ')}.`;
  const byDefault = defaultValueDescription ?? (defaultValue as string | number | undefined);
  const fallback = byDefault === undefined ? '' : ` Default \`${byDefault}\`.`;
  const text = `${description}.${required}${choices}${fallback}`.replaceAll('|', '\\|');
  return `| \`${name.replaceAll('|', '\\|')}\` | ${text} |\n`;
}

function argumentText(argument: Argument): string {
  const name = argument.name();
  return argument.required ? `<${name}>` : `[${name}]`;
}
