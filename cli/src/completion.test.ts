import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { runEdict, temporaryFolder } from './testing/run-edict.ts';

async function script(shell: string, name = 'edict'): Promise<string> {
  const { code, stdout } = await runEdict(['completion', shell], { name });
  expect(code).toBe(0);
  return stdout;
}

/** What bash offers for a line that ends where the cursor is. */
async function complete(line: string): Promise<readonly string[]> {
  await using folder = await temporaryFolder({ 'edict.bash': await script('bash') });
  const words = line.split(' ');
  const program = `source ${folder.path('edict.bash')}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length - 1}
_edict_complete
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-euc', program], { encoding: 'utf8' })
    .split('\n')
    .filter((word) => word !== '');
}

test.each([
  ['commands', 'edict ro', ['rollout']],
  [
    'subcommands',
    'edict rollout ',
    ['status', 'history', 'pause', 'resume', 'approve', 'abort', 'undo', '-h', '--help'],
  ],
  ['subcommands by their beginning', 'edict rollout h', ['history']],
  ['options', 'edict lint --f', ['--file', '--fail-on-warning']],
  ['options after values of others', 'edict lint -f some.yaml --fail', ['--fail-on-warning']],
  ['options after an argument', 'edict rollout undo default --to', ['--to-revision']],
  ['values of an option that has a few', 'edict lint -f some.yaml -o ', ['text', 'json']],
  ['the values of that command', 'edict convert -o ', ['yaml', 'json']],
  ['versions', 'edict convert --to edict', ['edict.dev/v1beta1']],
  ['shells', 'edict completion z', ['zsh']],
  ['no word where a file belongs, so that files are', 'edict lint -f ', []],
  ['nothing for what is unknown', 'edict frobnicate --zz', []],
])('bash completes %s', async (_what, line, expected) => {
  expect(await complete(line)).toEqual(expected);
});

test.each(['bash', 'zsh'])('the script for %s is one that bash can read', async (shell) => {
  await using folder = await temporaryFolder({ script: await script(shell) });
  expect(execFileSync('bash', ['-n', folder.path('script')], { encoding: 'utf8' })).toBe('');
});

test('the plugin completes under the name of its file', async () => {
  expect(await script('bash', 'kubectl edict')).toMatch(
    /complete -o default -F _kubectl_edict_complete kubectl-edict\n$/,
  );
});

test('fish gets a line for each word, with its place', async () => {
  const text = await script('fish');
  expect(text).toContain(
    "-n '__fish_seen_subcommand_from rollout; and __fish_seen_subcommand_from status' -l timeout -r",
  );
  expect(text).toContain("-s o -l output -r -f -a 'text json'");
});

test('another shell is refused with those there are', async () => {
  const { code, stderr } = await runEdict(['completion', 'tcsh']);
  expect(code).toBe(1);
  expect(stderr).toContain('bash, zsh, fish');
});
