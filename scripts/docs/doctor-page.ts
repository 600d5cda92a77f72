import { FINDING_CODES } from '../../cli/src/doctor/finding.ts';

const HEAD = `# kubectl edict doctor

<!-- Made from cli/src/doctor by "npm run generate". Do not edit. -->
<!-- prettier-ignore-start -->

\`\`\`sh
kubectl edict doctor                     # the whole installation
kubectl edict doctor -n shop             # policy of one namespace
kubectl edict doctor -o json | jq -r '.findings[] | "\\(.severity) \\(.code) \\(.where)"'
\`\`\`

It reads, with your own credentials, everything that has to be right for policy to be checked, rolled out and served, and says what is
wrong, where, and what to do. It exits with 1 when it finds an error (with \`--fail-on-warning\`: a warning, too). It changes nothing:
whether the webhook answers it learns from a dry run that the API server makes of a policy that must be refused.

What you may not read is \`not checked\`, which is never taken for well. Whoever may read Secrets and Leases of the operator's namespace,
CRDs and webhook configurations, \`create\` subjectaccessreviews and \`get\` pods/proxy sees all.

## Findings

| code | meaning |
|---|---|
`;

/** The page of every finding. */
export function doctorPage(): string {
  const rows = Object.entries(FINDING_CODES).map(([code, meaning]) => `| \`${code}\` | ${meaning} |\n`);
  return `${HEAD}${rows.join('')}\n<!-- prettier-ignore-end -->\n`;
}
