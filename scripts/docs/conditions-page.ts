import { CONDITION_REASONS, CONDITION_TYPES } from '../../crds/src/index.ts';

const HEAD = `# Conditions

<!-- Made from crds/src by "npm run generate". Do not edit. -->
<!-- prettier-ignore-start -->

Every status carries conditions. They are exact for the generation that \`observedGeneration\` names, and types and reasons are
stable: scripts may match on them, never on messages. \`Reconciling\` and \`Stalled\` are there only while they are true, as
kstatus reads them.

\`kubectl wait --for=condition=Ready policydomain/NAME\` returns when the newest generation serves on every required PDP. A
domain that is refused has \`Ready=False\` and \`Stalled=True\`; what it said before serves on.
`;

/** The page of every condition type and reason. */
export function conditionsPage(): string {
  const table = (title: string, entries: Readonly<Record<string, string>>): string =>
    `| ${title} | meaning |\n|---|---|\n${Object.entries(entries)
      .map(([name, meaning]) => `| \`${name}\` | ${meaning} |\n`)
      .join('')}`;
  return `${HEAD}\n## Types\n\n${table('type', CONDITION_TYPES)}\n## Reasons\n\n${table('reason', CONDITION_REASONS)}\n<!-- prettier-ignore-end -->\n`;
}
