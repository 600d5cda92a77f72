import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { useFolders } from '../../testing/folders.ts';
import { DEFAULT_AUDIT, matchesSet } from './audit-settings.ts';
import { auditSettingsOf, type AuditVariables } from './audit-variables.ts';
import { parseAuditSettings, readAuditFile } from './read-audit-file.ts';
import { settingsOfWorker } from './worker-settings.ts';

const newFolder = useFolders();

test('only name and type have to be said; the rest has a default', () => {
  expect(parseAuditSettings('sinks: [{name: stdout, type: Stdout}]', 'a')).toStrictEqual(DEFAULT_AUDIT);
  expect(DEFAULT_AUDIT).toStrictEqual({
    sinks: [
      {
        ...{ name: 'stdout', type: 'Stdout', format: 'AccessRecord', retry: { minMs: 100, maxMs: 30_000 } },
        queue: { maxBytes: 16_777_216, maxRecords: 100_000, onFull: 'Drop', maxWaitMs: 0 },
      },
    ],
    masks: [],
    labels: {},
  });
});

test.each([
  ['no YAML', 'sinks: [', 'the audit file is no YAML'],
  ['an empty file', '', 'the audit file is no YAML'],
  ['a text that is no object', 'sinks', '(the document): '],
  ['a file without sinks', 'sinks: []', 'sinks: Too small'],
  [
    'a setting that there is not',
    'sinks: [{name: a, type: Stdout, colour: red}]',
    'sinks[0]: Unrecognized key: "colour"',
  ],
  ['a type that there is not', 'sinks: [{name: a, type: Syslog}]', 'sinks[0].type: '],
  ['a name that is no label', 'sinks: [{name: A b, type: Stdout}]', 'sinks[0].name: must be lower-case'],
  ['a bound in words', 'sinks: [{name: a, type: Stdout, queue: {maxBytes: much}}]', 'sinks[0].queue.maxBytes: '],
  [
    'Spill without a journal',
    'sinks: [{name: a, type: Stdout, queue: {onFull: Spill}}]',
    'sinks[0].queue.onFull: Spill needs',
  ],
  [
    'segments that are too long',
    'sinks: [{name: a, type: Stdout, journal: {maxBytes: 8192, segmentBytes: 4096}}]',
    'sinks[0].journal.segmentBytes: must be at most a quarter',
  ],
  [
    'the same name twice',
    'sinks: [{name: a, type: Stdout}, {name: a, type: File, path: /a}]',
    'sinks[1].name: is there twice',
  ],
  [
    'standard output twice',
    'sinks: [{name: a, type: Stdout}, {name: b, type: Stdout}]',
    'sinks[1].type: is there twice',
  ],
  ['a relative path', 'sinks: [{name: a, type: File, path: x}]', 'sinks[0].path: must be an absolute path'],
  ['a URL that is none', 'sinks: [{name: a, type: Http, url: ftp://x}]', 'sinks[0].url: must be an http or https URL'],
  [
    'a set pattern that is none',
    'sinks: [{name: a, type: Stdout, sets: [a]}]',
    'sinks[0].sets[0]: must be namespace/name',
  ],
  [
    'a mask of what there is not',
    'sinks: [{name: a, type: Stdout}]\nmasks: [{path: /x}]',
    'masks[0].path: must be below /input',
  ],
  [
    'a mask with a value to no end',
    'sinks: [{name: a, type: Stdout}]\nmasks: [{path: /input, value: 1}]',
    'masks[0].value: goes with the action Replace',
  ],
  [
    'a hash without a key',
    'sinks: [{name: a, type: Stdout}]\nmasks: [{path: /input, action: Hash}]',
    'masks[0].action: Hash needs hashKeyFile',
  ],
])('%s is refused, with its place', (_name, text, message) => {
  expect(() => parseAuditSettings(text, 'audit.yaml')).toThrow(message);
});

const VARIABLES: AuditVariables = {
  EDICT_PDP_AUDIT_FILE: '',
  EDICT_PDP_AUDIT_SETTINGS: '',
  EDICT_PDP_AUDIT_FORMAT: 'AccessRecord',
  EDICT_PDP_AUDIT_BUFFER_BYTES: 16_777_216,
  EDICT_PDP_AUDIT_ON_FULL: 'Drop',
  EDICT_PDP_AUDIT_MAX_WAIT_MS: 0,
  EDICT_PDP_AUDIT_WRITE_AHEAD: 'false',
  EDICT_PDP_AUDIT_JOURNAL_BYTES: 65_536,
  EDICT_PDP_AUDIT_JOURNAL_SYNC: 'Always',
};

test('without variables it is the default', () => {
  expect(auditSettingsOf(VARIABLES)).toStrictEqual(DEFAULT_AUDIT);
});

test.each([
  ['Spill', 'false', { writeAhead: false, onFull: 'Drop', maxBytes: 65_536, sync: 'Always' }],
  ['Drop', 'true', { writeAhead: true, onFull: 'Drop' }],
  ['Block', 'true', { writeAhead: true, onFull: 'Block' }],
  ['Spill', 'true', { writeAhead: true, onFull: 'Drop' }],
] as const)('%s with write-ahead %s gives its journal', (onFull, writeAhead, journal) => {
  const variables = { ...VARIABLES, EDICT_PDP_AUDIT_ON_FULL: onFull, EDICT_PDP_AUDIT_WRITE_AHEAD: writeAhead };
  expect(auditSettingsOf(variables).sinks[0]).toMatchObject({ queue: { onFull }, journal });
});

test('a file counts for all other variables', async () => {
  const file = join(await newFolder(), 'audit.json');
  await writeFile(file, JSON.stringify({ sinks: [{ name: 'f', type: 'File', path: '/var/log/r' }] }));
  expect(auditSettingsOf({ ...VARIABLES, EDICT_PDP_AUDIT_FILE: file }).sinks).toMatchObject([{ name: 'f' }]);
  expect(() => readAuditFile(`${file}x`)).toThrow('the audit file cannot be read: ENOENT');
});

test('the content of a file counts for all other variables too, and a mistake in it has its place', () => {
  const read = (text: string) => auditSettingsOf({ ...VARIABLES, EDICT_PDP_AUDIT_SETTINGS: text });
  expect(read('sinks: [{name: f, type: File, path: /var/log/r}]').sinks).toMatchObject([{ name: 'f', type: 'File' }]);
  expect(() => read('{"sinks": []}')).toThrow('invalid audit file EDICT_PDP_AUDIT_SETTINGS:\n  sinks: ');
});

test('workers share neither files nor journals', () => {
  const settings = parseAuditSettings(
    `sinks:
      - {name: out, type: Stdout}
      - {name: file, type: File, path: /a/r.jsonl, journal: {folder: /j}}
      - {name: http, type: Http, url: 'https://a', deadLetterFile: /a/dead}`,
    'a',
  );
  expect(settingsOfWorker(settings, 2).sinks).toMatchObject([
    { name: 'out' },
    { path: '/a/r-w2.jsonl', journal: { folder: '/j/w2' } },
    { deadLetterFile: '/a/dead-w2' },
  ]);
});

test.each([
  [undefined, 'a/b', true],
  [['*'], 'a/b', true],
  [['a/*'], 'a/b', true],
  [['a/*'], 'ab/b', false],
  [['a/b'], 'a/b', true],
  [['a/b'], 'a/bc', false],
] as const)('patterns %p take %s: %p', (patterns, set, does) => {
  expect(matchesSet(patterns, set)).toBe(does);
});
