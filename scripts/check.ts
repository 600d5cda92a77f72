import { spawnSync } from 'node:child_process';

/** `npm run check`: every static check, each run even when an earlier one failed. Exit code 1 if any did. */
const checks: readonly (readonly [name: string, command: string])[] = [
  ['types', 'tsc -p tsconfig.json'],
  ['types of the page', 'tsc -p operator/console'],
  ['lint', 'eslint . --max-warnings 0'],
  [
    'dependency direction',
    'depcruise --config .dependency-cruiser.cjs --output-type err crds pdp operator cli test scripts',
  ],
  ['dead code', 'knip'],
  ['format', 'prettier --check --log-level warn .'],
  [
    'generated files current',
    'npm run -s generate && git diff --exit-code -- crds/generated helm/crds helm/optional helm/values.schema.json helm/README.md pdp/protocol/src/gen docs/cli.md docs/conditions.md docs/api/resources.md docs/doctor.md',
  ],
];

const failed: string[] = [];
for (const [name, command] of checks) {
  const started = performance.now();
  const { status } = spawnSync(command, { shell: true, stdio: 'inherit' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) console.error(`check failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
