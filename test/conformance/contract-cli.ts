import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Io } from '../../cli/src/io.ts';
import { run } from '../../cli/src/run.ts';
import type { Report } from './report.ts';

interface CliCase {
  readonly id: string;
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly expect: {
    readonly exit: number;
    readonly stdout?: string;
    readonly stdoutIsAccessRecord?: boolean;
    readonly decision?: string;
    /** Text by path of the files that the command made, and their modes. */
    readonly created?: Readonly<Record<string, string>>;
    readonly createdMode?: Readonly<Record<string, string>>;
  };
}

/**
 * How the reference's command lines are written here (docs/cli.md). Flags that choose a compiler or a form of the log have no
 * counterpart: the compiler is built in.
 */
function translate(args: readonly string[]): readonly string[] {
  const [first, second, ...rest] = args;
  if (first === 'test' && second === 'decision') {
    return ['decide', ...without(rest, { '--pretty-log': 0, '--test': 1 }), '-o', 'json'];
  }
  if (first === 'build') return args.map((arg) => (arg === '-o' ? '--output-file' : arg));
  if (first === 'lint') return without(args, { '--no-opa-flags': 0, '--opa-flags': 1, '--regal': 0 });
  return args;
}

/** The arguments without some flags and the values that follow them. */
function without(args: readonly string[], flags: Readonly<Record<string, number>>): readonly string[] {
  const kept: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? '';
    const values = flags[arg];
    if (values === undefined) kept.push(arg);
    else index += values;
  }
  return kept;
}

interface Difference {
  readonly why: string;
  readonly of: (one: CliCase) => boolean;
  /** The exit code here. */
  readonly exit?: number;
  /** Files are not made. */
  readonly creates?: false;
  /** The verdicts of a test suite here. */
  readonly verdicts?: string;
}

/** Everything in which we mean to differ from the reference, but for texts: messages and summaries are ours. */
const DIFFERENCES: readonly Difference[] = [
  {
    why: 'a PolicyDomainReference is built in memory by all but `build`',
    of: ({ args, expect }) => args[0] !== 'build' && expect.created !== undefined,
    creates: false,
  },
  {
    why: 'the reference crashes on a test without a PORC, where one test is wrong',
    of: ({ expect }) => expect.exit === 2,
    exit: 1,
    verdicts: 'a: ERROR',
  },
  {
    why: 'a YAML key that is a number is the name of a member, as in every other place; the reference cannot print it as JSON',
    of: ({ id }) => id === 'cli/decisions-intkey',
    exit: 0,
    verdicts: 'a: PASS',
  },
  {
    why: 'a wrong file is wrong whatever other files are linted with it',
    of: ({ id }) => id === 'cli/lint-two',
    exit: 1,
  },
  {
    why: 'Regal’s opinions on style are no part of the linter',
    of: ({ args }) => args.includes('--regal'),
    exit: 0,
  },
  {
    why: '`serve` is the PDP process, or `up --folder`, neither of which takes these options',
    of: ({ args }) => args[0] === 'serve',
    exit: 3,
  },
];

/**
 * Runs the reference's command lines (`contract/cli.jsonl` of `dir`), in our words, through the `edict` command: those whose
 * id contains `filter`. Compares the exit code, the decision of an access record, the verdicts of test suites, and the bytes
 * and modes of the files that are made.
 */
export async function runCliCases(dir: string, filter: string, report: Report): Promise<void> {
  const contract = join(dir, 'contract');
  const before = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), 'edict-contract-'));
  try {
    for (const line of readFileSync(join(contract, 'cli.jsonl'), 'utf8').trim().split('\n')) {
      const one = JSON.parse(line) as CliCase;
      if (!one.id.includes(filter)) continue;
      const workdir = mkdtempSync(join(folder, 'case-'));
      cpSync(join(contract, 'cli-workdir'), workdir, { recursive: true });
      process.chdir(workdir);
      report(one.id, await differencesOf(one, filesIn(workdir)));
    }
  } finally {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  }
}

/** Runs one case in the current folder. */
async function differencesOf(one: CliCase, given: readonly string[]): Promise<readonly string[]> {
  const applied = DIFFERENCES.filter(({ of }) => of(one));
  const exit = applied.findLast((difference) => difference.exit !== undefined)?.exit ?? one.expect.exit;
  const verdicts = applied.findLast((difference) => difference.verdicts !== undefined)?.verdicts;
  const created = applied.some(({ creates }) => creates === false) ? {} : (one.expect.created ?? {});
  const { code, stdout, stderr } = await runEdict(one);
  const found: string[] = [];
  const compare = (what: string, ours: unknown, theirs: unknown): void => {
    if (ours !== theirs) found.push(`${what}: ${JSON.stringify(ours)}, expected ${JSON.stringify(theirs)}`);
  };
  compare('exit code', code, exit);
  if (code !== 0 && stdout + stderr === '') found.push('failed without a word');
  if (one.expect.stdoutIsAccessRecord === true) compare('decision', decisionIn(stdout), one.expect.decision);
  if (one.args[1] === 'decisions')
    compare('verdicts', verdictsIn(stdout), verdicts ?? verdictsIn(one.expect.stdout ?? ''));
  const made = filesIn('.').filter((path) => !given.includes(path));
  compare('files made', made.join(), Object.keys(created).sort().join());
  for (const [path, text] of Object.entries(created)) {
    if (!made.includes(path)) continue;
    compare(path, readFileSync(path, 'utf8'), text);
    const mode = `0o${(statSync(path).mode & 0o777).toString(8)}`;
    compare(`mode of ${path}`, mode, one.expect.createdMode?.[path]);
  }
  return found;
}

async function runEdict({ args, stdin = '' }: CliCase) {
  let stdout = '';
  let stderr = '';
  const io: Io = {
    stdout: (text) => (stdout += text),
    stderr: (text) => (stderr += text),
    stdin: () => Promise.resolve(Buffer.from(stdin)),
    isTerminal: false,
    columns: 100,
    interrupted: () => new AbortController().signal,
  };
  const code = await run(translate(args), io, {}, 'edict');
  return { code, stdout, stderr };
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder === '.' ? 0 : folder.length + 1))
    .sort();
}

function decisionIn(stdout: string): unknown {
  return (JSON.parse(stdout) as { readonly record?: { readonly decision?: unknown } }).record?.decision;
}

/** `name: PASS`, `name: FAIL` or `name: ERROR`, without what follows. */
function verdictsIn(stdout: string): string {
  return [...stdout.matchAll(/^(\S+: (?:PASS|FAIL|ERROR))/gm)].map(([, verdict = '']) => verdict).join(', ');
}
