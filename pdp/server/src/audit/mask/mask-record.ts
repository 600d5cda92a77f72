import { jsonText } from '@edict/engine';
import { parseJson } from '@edict/rego/values';
import { applyMask, type MaskRule } from './apply-mask.ts';
import { joinMembers, splitMembers } from './record-members.ts';

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
 * the paths of the rules that found something. Undefined if a part of the record that a rule speaks of cannot be taken apart.
 */
export function maskRecord(text: string, shape: RecordShape, rules: readonly MaskRule[]): string | undefined {
  const members = splitMembers(text);
  if (members === undefined) return undefined;
  const parts = new RecordParts(members);
  const view: Tree = {};
  const roots = new Set(rules.map(({ path }) => path[0]));
  for (const [root, member] of membersOf(shape)) {
    const value = roots.has(root) ? parts.get(member) : undefined;
    if (value === UNREADABLE) return undefined;
    if (value !== undefined) view[root] = value;
  }
  const before = REPEATED.map(([path]) => valueAt(view['input'], path));
  const access = new AccessMembers(parts, shape);
  if (roots.has('reasons')) {
    if (!access.isReadable) return undefined;
    if (access.tree !== undefined) view['reasons'] = reasonsOf(access.tree);
  }
  const erased: string[] = [];
  const masked: string[] = [];
  for (const rule of rules) {
    if (applyMask(view, rule)) (rule.change.kind === 'remove' ? erased : masked).push(rule.name);
  }
  if (erased.length === 0 && masked.length === 0) return text;
  for (const [root, member] of membersOf(shape)) if (roots.has(root)) parts.set(member, view[root]);
  if (roots.has('reasons') && access.tree !== undefined) giveReasons(access.tree, view['reasons']);
  if (roots.has('input') && shape.access !== undefined) {
    for (const [index, [porc, at]] of REPEATED.entries()) {
      const [was, is] = [before[index], valueAt(view['input'], porc)];
      if (typeof was !== 'string' || was === is) continue;
      if (!access.isReadable) return undefined;
      if (access.tree !== undefined && access.original(at) === was) repeat(access.tree, at, was, is);
    }
  }
  access.write();
  if (erased.length > 0) parts.set('erased', erased);
  if (masked.length > 0) parts.set('masked', masked);
  return parts.text;
}

/** The members that the roots of paths stand for. */
function membersOf({ input }: RecordShape): readonly (readonly [root: string, member: string])[] {
  return input === 'porc' ? PORC_MEMBERS : INPUT_MEMBERS;
}

const PORC_MEMBERS = [
  ['input', 'porc'],
  ['result', 'result'],
  ['requested_by', 'requested_by'],
] as const;
const INPUT_MEMBERS = [
  ['input', 'input'],
  ['result', 'result'],
  ['requested_by', 'requested_by'],
] as const;

/** Stands for a member that is nested too deep to be read. */
const UNREADABLE = Symbol('unreadable');

/** A record, of which only what is asked for is read, and only what is set is written anew. */
class RecordParts {
  readonly #members: Map<string, string>;

  constructor(members: Map<string, string>) {
    this.#members = members;
  }

  get text(): string {
    return joinMembers(this.#members);
  }

  get(name: string): unknown {
    const text = this.#members.get(name);
    if (text === undefined) return undefined;
    const parsed = parseJson(text);
    return parsed.ok ? parsed.value : UNREADABLE;
  }

  /** Undefined takes it out. */
  set(name: string, value: unknown): void {
    if (value === undefined) this.#members.delete(name);
    else this.#members.set(name, jsonText(value, 'exact'));
  }
}

/** The members of an access record that masks may touch besides the PORC, read when they are first wanted. */
class AccessMembers {
  readonly #parts: RecordParts;
  readonly #shape: RecordShape;
  #read:
    { readonly tree: Tree | undefined; readonly write: () => void; readonly originals: readonly unknown[] } | undefined;
  #unreadable = false;

  constructor(parts: RecordParts, shape: RecordShape) {
    this.#parts = parts;
    this.#shape = shape;
  }

  get isReadable(): boolean {
    this.#load();
    return !this.#unreadable;
  }

  /** Undefined where the record is of no PORC. */
  get tree(): Tree | undefined {
    return this.#load().tree;
  }

  /** What a member was before anything was masked. */
  original(at: readonly string[]): unknown {
    return this.#load().originals[REPEATED.findIndex(([, other]) => other === at)];
  }

  /** Writes what was read, if anything was. */
  write(): void {
    this.#read?.write();
  }

  #load() {
    return (this.#read ??= this.#readNow());
  }

  #readNow() {
    const { access } = this.#shape;
    const names = access === 'top' ? TOUCHED : access === 'custom' ? ['custom'] : [];
    const read: Tree = {};
    for (const name of names) {
      const value = this.#parts.get(name);
      if (value === UNREADABLE) this.#unreadable = true;
      else if (value !== undefined) read[name] = value;
    }
    const custom = read['custom'] as Tree | undefined;
    const tree = access === 'top' ? read : (custom?.['access_record'] as Tree | undefined);
    const originals = REPEATED.map(([, at]) => valueAt(tree, at));
    return { tree, originals, write: () => names.forEach((name) => this.#parts.set(name, read[name])) };
  }
}

/** What {@link REPEATED} and reasons speak of. */
const TOUCHED = ['principal', 'operation', 'resource', 'references'];

/** A record without anything that could need a mask: for records that could not be masked. */
export function withoutContent(text: string, shape: RecordShape): string | undefined {
  const everything = ['input', 'result', 'requested_by', 'reasons'].map((root): MaskRule => ({
    path: [root],
    name: `/${root}`,
    change: { kind: 'remove' },
  }));
  return maskRecord(text, shape, everything);
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
