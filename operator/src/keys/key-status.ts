import { keyIdOf } from '@edict/bundle';
import { z } from 'zod';
import { rfc3339 } from '../clock.ts';
import { waitsOf, type KeySettings, type KeyState, type KeyView } from './key-plan.ts';

/** On the ConfigMap of the status: a new text asks for a rotation. */
export const ROTATE_ANNOTATION = 'edict.dev/rotate-signing-key';

/** Beside it: ids of keys that nobody is to trust any more, separated by commas. */
export const REVOKE_ANNOTATION = 'edict.dev/revoke-signing-key';

/** The member of the ConfigMap that holds {@link KeyStatus} as JSON. */
export const KEY_STATUS_MEMBER = 'status.json';

const PHASES = ['Steady', 'Announced', 'Retiring', 'Revoking'] as const;
const ROLES = ['Signing', 'Next', 'Retiring', 'Added', 'Revoked'] as const;

/** What people see of the signing keys: nothing of it is secret. */
export const KeyStatus = z.object({
  /**
   * `Announced`: a new key is being made known. `Retiring`: it signs, and what the old one signed is being replaced.
   * `Revoking`: nothing is signed until PDPs trust the new key.
   */
  phase: z.enum(PHASES),
  keys: z.array(
    z.object({
      keyId: z.string(),
      role: z.enum(ROLES),
      /** Since when it has that role; absent for one that was added by hand. */
      since: z.string().optional(),
    }),
  ),
  /** What the next step waits for; the first twenty. */
  waitsFor: z.array(z.string()).default([]),
});
export type KeyStatus = z.output<typeof KeyStatus>;

const WAITS_MAX = 20;

/** The status as it is now. Pure. */
export function keyStatusOf(state: KeyState, view: KeyView, settings: KeySettings): KeyStatus {
  const { current, next, retiring, further } = state;
  const isRevoked = view.revoked.has(current.keyId);
  const since = (ms: number): { readonly since: string } => ({ since: rfc3339(ms) });
  const waits = waitsOf(state, view, settings);
  return {
    phase: isRevoked ? 'Revoking' : next !== undefined ? 'Announced' : retiring.length > 0 ? 'Retiring' : 'Steady',
    keys: [
      { keyId: current.keyId, role: isRevoked ? 'Revoked' : 'Signing', ...since(current.sinceMs) },
      ...(next === undefined ? [] : [{ keyId: next.keyId, role: 'Next' as const, ...since(next.sinceMs) }]),
      ...retiring.map(({ keyId, sinceMs }) => ({ keyId, role: 'Retiring' as const, ...since(sinceMs) })),
      ...further.map((pem) => ({ keyId: keyIdOf(pem), role: 'Added' as const })),
    ],
    waitsFor: [
      ...waits.slice(0, WAITS_MAX),
      ...(waits.length > WAITS_MAX ? [`and ${waits.length - WAITS_MAX} more`] : []),
    ],
  };
}

/** What somebody asks for by annotations. */
export function keyWishesOf(annotations: Readonly<Record<string, string>> = {}): Pick<KeyView, 'request' | 'revoked'> {
  const request = annotations[ROTATE_ANNOTATION]?.slice(0, 1024);
  const revoked = (annotations[REVOKE_ANNOTATION] ?? '')
    .split(',')
    .map((id) => id.trim())
    .filter((id) => /^[0-9a-f]{16}$/.test(id));
  return { ...(request === undefined || request === '' ? {} : { request }), revoked: new Set(revoked) };
}
