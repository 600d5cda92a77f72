import type { SigningKey } from '@edict/bundle';

/** A key pair, and since when it is what it is. */
export interface HeldKey extends SigningKey {
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** A key that signs no more and is trusted still. */
export interface RetiringKey {
  readonly keyId: string;
  readonly publicKey: string;
  /** When it signed last at the latest. */
  readonly sinceMs: number;
}

/** What the operator keeps of its signing keys. */
export interface KeyState {
  /** Signs revisions. */
  readonly current: HeldKey;
  /** Will sign next; PDPs are told to trust it already. */
  readonly next?: HeldKey;
  readonly retiring: readonly RetiringKey[];
  /** Public keys (PEM) that somebody added by hand. */
  readonly further: readonly string[];
  /** The wish for a rotation that was answered last. */
  readonly handled?: string;
}

/** What is to be known beside the keys to say what comes next. */
export interface KeyView {
  readonly nowMs: number;
  /** The wish for a rotation, as somebody wrote it; a new text is a new wish. */
  readonly request?: string;
  /** Ids of keys that nobody is to trust any more. */
  readonly revoked: ReadonlySet<string>;
  /** Whether every namespace with PDPs has been given the keys to trust, as they are now. */
  readonly isPublished: boolean;
  /** Whether PDPs have had the time to connect to this leader: before that nobody knows what they trust and serve. */
  readonly isSettled: boolean;
  /** Connected PDPs that say which keys they trust, and do not name `next` yet. */
  readonly lacking: readonly string[];
  /** Connected PDPs that do not say which keys they trust. */
  readonly silent: readonly string[];
  /** What rests on a revision that was signed by a key, by the key's id: sets, and PDPs. */
  readonly holders: ReadonlyMap<string, readonly string[]>;
}

/** When steps of a rotation may be taken. */
export interface KeySettings {
  /** A new key is trusted for at least so long before it signs, and an old one for as long after. */
  readonly overlapMs: number;
  /** Age at which a key is replaced without being asked; never if absent. */
  readonly rotateAfterMs?: number;
}

/** One step. After it, plan again. */
export type KeyAction =
  /** A new key that PDPs are to trust. */
  | { readonly type: 'announce' }
  /** The wish is answered by what is under way already. */
  | { readonly type: 'note-request' }
  /** The next key signs from now on. */
  | { readonly type: 'promote' }
  /** Nothing rests on the key any more, or it is revoked: it is forgotten. */
  | { readonly type: 'forget'; readonly keyId: string };

/**
 * Nothing is signed while the key that signs is revoked and PDPs do not trust the next one yet. Those that do not say
 * what they trust are given this long: a kubelet brings a ConfigMap into a pod within about a minute and a half.
 */
export const REVOCATION_WAIT_MS = 120_000;

/** The next step, or undefined when there is none to take now. Pure. */
export function planKeys(state: KeyState, view: KeyView, settings: KeySettings): KeyAction | undefined {
  const { current, next, retiring } = state;
  const { nowMs, revoked } = view;
  const gone = [...(next === undefined ? [] : [next]), ...retiring].find(({ keyId }) => revoked.has(keyId));
  if (gone !== undefined) return { type: 'forget', keyId: gone.keyId };
  if (revoked.has(current.keyId)) {
    if (next === undefined) return { type: 'announce' };
    return mayReplaceRevoked(next, view) ? { type: 'promote' } : undefined;
  }
  if (view.request !== undefined && view.request !== state.handled) {
    return next === undefined ? { type: 'announce' } : { type: 'note-request' };
  }
  const isOld = settings.rotateAfterMs !== undefined && nowMs - current.sinceMs >= settings.rotateAfterMs;
  if (next === undefined && isOld) return { type: 'announce' };
  if (next !== undefined && waitsOf(state, view, settings).length === 0) return { type: 'promote' };
  const free = retiring.find(({ keyId, sinceMs }) => {
    const isOver = nowMs - sinceMs >= settings.overlapMs && view.isSettled;
    return isOver && (view.holders.get(keyId) ?? []).length === 0;
  });
  return free === undefined ? undefined : { type: 'forget', keyId: free.keyId };
}

/** What an orderly rotation waits for, in words for people; nothing if none is under way or the next step may be taken. */
export function waitsOf(state: KeyState, view: KeyView, settings: KeySettings): readonly string[] {
  const { next, retiring } = state;
  if (next !== undefined) {
    return [
      ...overlapWait(`before key ${next.keyId} signs`, next.sinceMs, view, settings),
      ...(view.isPublished ? [] : ['the ConfigMaps with the keys are not written everywhere yet']),
      ...(view.isSettled ? [] : ['PDPs are coming back after a change of leader']),
      ...view.lacking.map((pdp) => `PDP ${pdp} does not trust key ${next.keyId} yet`),
    ];
  }
  return retiring.flatMap(({ keyId, sinceMs }) => [
    ...overlapWait(`before key ${keyId} is forgotten`, sinceMs, view, settings),
    ...(view.isSettled ? [] : ['PDPs are coming back after a change of leader']),
    ...(view.holders.get(keyId) ?? []).map((holder) => `${holder} rests on key ${keyId}`),
  ]);
}

/** Ids and PEM of the keys that PDPs are to trust. */
export function trustedKeysOf(state: KeyState, revoked: ReadonlySet<string>): readonly string[] {
  const { current, next, retiring, further } = state;
  const own = [current, ...(next === undefined ? [] : [next]), ...retiring].filter(({ keyId }) => !revoked.has(keyId));
  return [...own.map(({ publicKey }) => publicKey), ...further];
}

/** The state after a step. `make` gives a new key pair. */
export function takeKeyStep(state: KeyState, action: KeyAction, view: KeyView, make: () => SigningKey): KeyState {
  const { current, next, retiring } = state;
  const handled = view.request === undefined ? {} : { handled: view.request };
  switch (action.type) {
    case 'announce':
      return { ...state, ...handled, next: { ...make(), sinceMs: view.nowMs } };
    case 'note-request':
      return { ...state, ...handled };
    case 'promote': {
      if (next === undefined) return state;
      const { next: _promoted, ...rest } = state;
      const { keyId, publicKey } = current;
      const old = view.revoked.has(keyId) ? [] : [{ keyId, publicKey, sinceMs: view.nowMs }];
      return { ...rest, current: { ...next, sinceMs: view.nowMs }, retiring: [...retiring, ...old] };
    }
    case 'forget': {
      const { next: _forgotten, ...rest } = state;
      const kept = retiring.filter(({ keyId }) => keyId !== action.keyId);
      return next?.keyId === action.keyId ? { ...rest, retiring: kept } : { ...state, retiring: kept };
    }
  }
}

/** A key that is revoked is to be gone soon, but a revision that PDPs cannot verify would only be given up. */
function mayReplaceRevoked(next: HeldKey, { nowMs, isPublished, isSettled, lacking, silent }: KeyView): boolean {
  if (!isPublished || !isSettled || lacking.length > 0) return nowMs - next.sinceMs >= 2 * REVOCATION_WAIT_MS;
  return silent.length === 0 || nowMs - next.sinceMs >= REVOCATION_WAIT_MS;
}

function overlapWait(what: string, sinceMs: number, { nowMs }: KeyView, { overlapMs }: KeySettings): readonly string[] {
  const remainingMs = sinceMs + overlapMs - nowMs;
  return remainingMs <= 0 ? [] : [`${Math.ceil(remainingMs / 1000)} s ${what}`];
}
