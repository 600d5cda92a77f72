import { createHmac } from 'node:crypto';
import { jsonText } from '@edict/engine';
import type { MaskSettings } from '../settings/audit-settings.ts';
import type { MaskRule } from './apply-mask.ts';
import { parseMaskPath } from './mask-path.ts';

/** The rule of one mask of the settings, which have been checked. */
export function maskRule({ path, action, value }: MaskSettings, hashKey: Buffer | undefined): MaskRule {
  const parsed = parseMaskPath(path);
  if (!parsed.ok) throw new Error(`mask ${path}: ${parsed.message}`);
  switch (action) {
    case 'Remove':
      return { path: parsed.path, name: path, change: { kind: 'remove' } };
    case 'Replace':
      return { path: parsed.path, name: path, change: { kind: 'replace', replace: () => value, creates: false } };
    case 'Hash': {
      if (hashKey === undefined) throw new Error(`mask ${path}: no key to hash with`);
      const replace = (secret: unknown): string => keyedHash(secret, hashKey);
      return { path: parsed.path, name: path, change: { kind: 'replace', replace, creates: false } };
    }
  }
}

/**
 * HMAC-SHA-256 of a text, or of the canonical JSON of anything else: equal values stay equal, and nobody without the key
 * can try values.
 */
export function keyedHash(value: unknown, key: Buffer): string {
  const text = typeof value === 'string' ? value : jsonText(value, 'exact');
  return `hmac-sha256:${createHmac('sha256', key).update(text).digest('hex')}`;
}

/**
 * The rules that a policy's `data.system.log.mask` gave, in the form of OPA: paths as texts, to be erased, or objects
 * `{"op": "remove" | "upsert", "path", "value"}`. Undefined if it is not that: then nothing may be logged as it is.
 */
export function policyMaskRules(value: Iterable<unknown>): readonly MaskRule[] | undefined {
  const rules: MaskRule[] = [];
  for (const entry of value) {
    const rule = policyRule(entry);
    if (rule === undefined) return undefined;
    rules.push(rule);
  }
  return rules;
}

function policyRule(entry: unknown): MaskRule | undefined {
  if (typeof entry === 'string') return erasure(entry);
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { op, path, value } = entry as Readonly<Record<string, unknown>>;
  if (typeof path !== 'string') return undefined;
  const rule = erasure(path);
  if (rule === undefined || op === 'remove') return rule;
  if (op !== 'upsert') return undefined;
  return { ...rule, change: { kind: 'replace', replace: () => value ?? null, creates: rule.path.length > 1 } };
}

/** Parts are taken as they are: such paths have neither wildcards nor escapes. */
function erasure(name: string): MaskRule | undefined {
  const path = name.slice(1).split('/');
  const isBelow = path[0] === 'input' || path[0] === 'result' || path[0] === 'nd_builtin_cache';
  return name.startsWith('/') && isBelow ? { path, name, change: { kind: 'remove' } } : undefined;
}
