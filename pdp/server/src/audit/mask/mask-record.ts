import { jsonText } from '@edict/engine';
import { parseJson } from '@edict/rego/values';
import { applyMask, type MaskRule } from './apply-mask.ts';

type Tree = Record<string, unknown>;

/** Where a rendered record has what masks speak of. */
export interface RecordShape {
  /** The member that paths call `input`. */
  readonly input: 'porc' | 'input';
  /** Where the members of an access record are that repeat parts of the PORC: at the top, or below `custom`. */
  readonly access: 'top' | 'custom' | undefined;
}

/** Members of the PORC that an access record repeats. */
const REPEATED: readonly (readonly [porc: readonly string[], record: readonly string[]])[] = [
  [
    ['principal', 'sub'],
    ['principal', 'subject'],
  ],
  [
    ['principal', 'mrealm'],
    ['principal', 'realm'],
  ],
  [['operation'], ['operation']],
  [['resource'], ['resource']],
  [['resource', 'id'], ['resource']],
];

/**
 * Masks a rendered record, a line of JSON. What an access record repeats of the PORC goes with it. `erased` and `masked` tell
 * the paths of the rules that found something. Undefined if the record cannot be taken apart.
 */
export function maskRecord(text: string, shape: RecordShape, rules: readonly MaskRule[]): string | undefined {
  const parsed = parseJson(text);
  if (!parsed.ok) return undefined;
  const record = parsed.value as Tree;
  const access = accessOf(record, shape);
  const repeated = access === undefined ? [] : repetitions(record[shape.input], access);
  const view: Tree = { input: record[shape.input], result: record['result'], requested_by: record['requested_by'] };
  for (const name of Object.keys(view)) if (view[name] === undefined) Reflect.deleteProperty(view, name);
  if (access !== undefined) view['reasons'] = reasonsOf(access);
  const erased: string[] = [];
  const masked: string[] = [];
  for (const rule of rules) {
    if (applyMask(view, rule)) (rule.change.kind === 'remove' ? erased : masked).push(rule.name);
  }
  if (erased.length === 0 && masked.length === 0) return text;
  for (const [from, to] of [
    ['input', shape.input],
    ['result', 'result'],
    ['requested_by', 'requested_by'],
  ] as const) {
    if (Object.hasOwn(view, from)) record[to] = view[from];
    else Reflect.deleteProperty(record, to);
  }
  if (access !== undefined) {
    giveReasons(access, view['reasons']);
    for (const { porc, at, before } of repeated) repeat(access, at, before, valueAt(view['input'], porc));
  }
  if (erased.length > 0) record['erased'] = erased;
  if (masked.length > 0) record['masked'] = masked;
  return jsonText(record, 'exact');
}

/** A record without anything that could need a mask: for records that could not be masked. */
export function withoutContent(text: string, shape: RecordShape): string | undefined {
  const everything = ['input', 'result', 'requested_by', 'reasons'].map((root): MaskRule => ({
    path: [root],
    name: `/${root}`,
    change: { kind: 'remove' },
  }));
  return maskRecord(text, shape, everything);
}

function accessOf(record: Tree, { access }: RecordShape): Tree | undefined {
  if (access !== 'custom') return access === 'top' ? record : undefined;
  return (record['custom'] as Tree | undefined)?.['access_record'] as Tree | undefined;
}

function repetitions(porc: unknown, access: Tree) {
  return REPEATED.map(([path, at]) => ({ porc: path, at, before: valueAt(porc, path) })).filter(
    ({ before, at }) => typeof before === 'string' && valueAt(access, at) === before,
  );
}

/** Gives a repetition the value that its source has now, and references the same where they name it. */
function repeat(access: Tree, at: readonly string[], before: unknown, after: unknown): void {
  if (after === before) return;
  const holder = at.length > 1 ? (access[at[0] ?? ''] as Tree) : access;
  give(holder, at.at(-1) ?? '', after);
  for (const reference of referencesOf(access)) if (reference['id'] === before) give(reference, 'id', after);
}

function give(holder: Tree, key: string, value: unknown): void {
  if (typeof value === 'string') holder[key] = value;
  else Reflect.deleteProperty(holder, key);
}

function referencesOf(access: Tree): readonly Tree[] {
  return Array.isArray(access['references']) ? (access['references'] as Tree[]) : [];
}

/** By the place of their reference. */
function reasonsOf(access: Tree): Tree {
  const reasons: Tree = {};
  referencesOf(access).forEach(({ reason }, index) => {
    if (reason !== undefined) reasons[String(index)] = reason;
  });
  return reasons;
}

function giveReasons(access: Tree, reasons: unknown): void {
  referencesOf(access).forEach((reference, index) => {
    if (reference['reason'] !== undefined) give(reference, 'reason', valueAt(reasons, [String(index)]));
  });
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Tree)[part];
  }
  return at;
}
