import type { Command } from 'commander';
import { expect, test } from '@jest/globals';
import { createProgram } from './program.ts';
import { captureIo } from './testing/captured-io.ts';
import { runEdict } from './testing/run-edict.ts';
import { VERSION } from './version.ts';

function paths(command: Command, path: readonly string[]): readonly (readonly string[])[] {
  return [path, ...command.commands.flatMap((sub) => paths(sub, [...path, sub.name()]))];
}
const commands = paths(createProgram(captureIo().io, {}, 'edict'), []);

test.each(commands.map((path) => [path.join(' ') || 'the program']))('--help of %s reads well', async (name) => {
  const args = name === 'the program' ? [] : name.split(' ');
  const { code, stdout, stderr } = await runEdict([...args, '--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(new RegExp(`^Usage: ${['edict', ...args].join(' ')} .*\n\n[A-Z].*`));
  // Defaults that are empty, or in units that nobody types, explain nothing.
  expect(stdout).not.toMatch(/default: (\[\]|false|true|300000)/);
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
});

test('as a plugin it calls itself what the user typed', async () => {
  const options = { name: 'kubectl edict' };
  expect((await runEdict(['rollout', 'status', '--help'], options)).stdout).toMatch(
    /^Usage: kubectl edict rollout status /,
  );
  const { stdout } = await runEdict(['--help'], options);
  expect(stdout).toContain('  kubectl edict rollout undo');
  expect(stdout).not.toMatch(/(?<!kubectl )edict (up|rollout|lint)/);
  expect((await runEdict(['lint'], options)).stderr).toContain('(see "kubectl edict lint --help")');
});

test.each([[[]], [['rollout']], [['test']]])(
  'words that only name a group %j explain it and end with 0',
  async (args) => {
    const { code, stdout, stderr } = await runEdict(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: /);
  },
);

test.each([
  [['frobnicate'], 3, 'error: unknown command \'frobnicate\'\n(see "edict --help")\n'],
  [['lnt'], 3, 'error: unknown command \'lnt\'\n(Did you mean lint?)\n(see "edict --help")\n'],
  [
    ['rollout', 'stauts'],
    3,
    'error: unknown command \'stauts\'\n(Did you mean status?)\n(see "edict rollout --help")\n',
  ],
  [
    ['lint', '-f', 'x', '--fail-on-warnin'],
    1,
    'error: unknown option \'--fail-on-warnin\'\n(Did you mean --fail-on-warning?)\n(see "edict lint --help")\n',
  ],
  [['lint'], 1, 'error: required option \'-f, --file <files...>\' not specified\n(see "edict lint --help")\n'],
  [['up', '--port', '70000'], 1, /It is a port from 0 to 65535\./],
  [['up', '--pdps', '0'], 1, /It is a number from 1 to 50\./],
  [['up', '--port', '65535'], 1, /3 PDPs from port 65535 on go beyond port 65535/],
  [['rollout', 'status', '--timeout', 'soon'], 1, /It is a duration such as 90s or 5m\./],
  [['rollout', 'undo', '--clear', '--to-revision', '1'], 1, /cannot be used with option/],
  [['rollout', 'undo', '--to-revision', '0'], 1, /It is a revision from 1/],
  [['pdps', '--server', 'localhost:8180'], 1, /It is a URL such as/],
  [['pdps', '-o', 'xml'], 1, /Allowed choices are text, json, yaml/],
  [['rollout', 'abort'], 1, /required option '--reason <text>'/],
  [['rollout', 'approve', '--wave', '0'], 1, /It is a wave from 1/],
  [['rollout', 'undo', '--clear', '--now'], 1, /cannot be used with option/],
  [['diff', '1'], 1, /missing required argument 'to'/],
])('%j ends with %d and says what is wrong', async (args, code, stderr) => {
  const outcome = await runEdict(args);
  expect(outcome).toMatchObject({ code, stdout: '' });
  if (typeof stderr === 'string') expect(outcome.stderr).toBe(stderr);
  else expect(outcome.stderr).toMatch(stderr);
});

test.each([[['version']], [['--version']], [['-V']]])('%j prints the version', async (args) => {
  expect(await runEdict(args)).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' });
});

test('a kubeconfig or a context that is not there is named', async () => {
  const missing = await runEdict(['pdps', '--kubeconfig', 'no/such.kubeconfig']);
  expect(missing.code).toBe(1);
  expect(missing.stderr).toMatch(/^error: cannot use the kubeconfig no\/such\.kubeconfig: /);
});

test('an all-in-one that does not run is named, with what to do', async () => {
  const { code, stderr } = await runEdict(['pdps', '--server', 'http://127.0.0.1:1']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: cannot reach http:\/\/127\.0\.0\.1:1 \(.*\): start the all-in-one with "edict up"/);
});

test('EDICT_SERVER names the all-in-one', async () => {
  const { stderr } = await runEdict(['pdps'], { env: { EDICT_SERVER: 'http://127.0.0.1:2' } });
  expect(stderr).toContain('http://127.0.0.1:2');
});
