import { formatTrustedKeys, generateSigningKey, type SigningKey } from '@edict/bundle';
import type { Clock } from '../clock.ts';
import { FIELD_MANAGER } from '../controllers/names.ts';
import type { OperatorLog } from '../observability/log.ts';
import { isStoreError } from '../store/errors.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';
import type { KeyFigures } from './key-metrics.ts';
import { planKeys, takeKeyStep, trustedKeysOf, type KeySettings, type KeyState, type KeyView } from './key-plan.ts';
import { KEY_STATUS_MEMBER, keyStatusOf, keyWishesOf } from './key-status.ts';
import type { KeyStore } from './key-store.ts';
import type { KeyUse } from './key-use.ts';
import type { Signer } from './signer.ts';

/** What the leader knows about its PDPs. */
export interface KeySurroundings {
  readonly use: (nextId: string | undefined, retiringIds: readonly string[]) => KeyUse;
  /** Whether PDPs have had the time to connect to this leader. */
  readonly isSettled: () => boolean;
  /** Whether `keys` (the text of `keys.json`) is in every ConfigMap that PDPs read. */
  readonly isPublished: (keys: string) => boolean;
}

export interface KeyManagerOptions {
  readonly store: KeyStore;
  readonly objects: KubeObjects;
  readonly namespace: string;
  /** Name of the ConfigMap that shows the status and takes wishes. */
  readonly statusName: string;
  readonly settings: KeySettings;
  /** Undefined while this replica does not lead yet: then nothing is known, and no step is taken that waits for PDPs. */
  readonly surroundings: () => KeySurroundings | undefined;
  /** What is trusted, or what signs, has changed. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: OperatorLog;
  /** Default: a new Ed25519 key. */
  readonly makeKey?: () => SigningKey;
}

/** Looks after the signing keys while this replica leads. */
export interface KeyManager {
  /** Reads the keys; they may have been rotated since this process began. */
  readonly start: () => Promise<void>;
  readonly signer: Signer;
  /** The text of `keys.json`: every key that PDPs are to trust. Throws before `start` has resolved. */
  readonly trusted: () => string;
  /** Undefined before `start` has resolved. */
  readonly figures: () => KeyFigures | undefined;
  readonly stop: () => void;
}

/** Time between two looks at the wishes and at what a rotation waits for. */
export const KEY_LOOK_MS = 5_000;
/** Steps that one look may take. */
const STEPS_MAX = 8;

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

type Wishes = ReturnType<typeof keyWishesOf>;

/** Every step is in the Secret before anything is done by it, so the next leader goes on where this one ended. */
export function createKeyManager(options: KeyManagerOptions): KeyManager {
  const { store, objects, namespace, statusName, settings, clock, log, onChange } = options;
  const makeKey = options.makeKey ?? generateSigningKey;
  let state: KeyState | undefined;
  let wishes: Wishes = { revoked: new Set() };
  let cancel: (() => void) | undefined;
  let isStopped = false;
  let shownStatus = '';
  let problem = '';

  const known = (): KeyState => {
    if (state === undefined) throw new Error('the signing keys have not been read');
    return state;
  };
  const trustedText = (of: KeyState, { revoked }: Wishes): string => formatTrustedKeys(trustedKeysOf(of, revoked));

  const viewOf = (of: KeyState): KeyView => {
    const surroundings = options.surroundings();
    const { next, retiring } = of;
    // Who trusts what is a look at every PDP: only a rotation wants to know.
    const isQuiet = next === undefined && retiring.length === 0;
    const use = isQuiet
      ? undefined
      : surroundings?.use(
          next?.keyId,
          retiring.map(({ keyId }) => keyId),
        );
    return {
      nowMs: clock.now(),
      ...wishes,
      isPublished: surroundings?.isPublished(trustedText(of, wishes)) === true,
      isSettled: surroundings?.isSettled() === true,
      lacking: use?.lacking ?? [],
      silent: use?.silent ?? [],
      holders: use?.holders ?? new Map<string, readonly string[]>(),
    };
  };

  const adopt = (next: KeyState, nextWishes: Wishes): void => {
    const before = state === undefined ? '' : `${state.current.keyId} ${trustedText(state, wishes)}`;
    state = next;
    wishes = nextWishes;
    if (before !== `${next.current.keyId} ${trustedText(next, nextWishes)}`) onChange();
  };

  const readWishes = async (): Promise<Wishes> => {
    const found = await objects.get<ConfigMap>(RESOURCES.ConfigMap, { namespace, name: statusName });
    return keyWishesOf(found?.metadata.annotations);
  };

  const look = async (): Promise<void> => {
    const nextWishes = await readWishes();
    for (let step = 0; step < STEPS_MAX; step += 1) {
      const read = await store.read();
      adopt(read.state, nextWishes);
      const view = viewOf(read.state);
      const action = planKeys(read.state, view, settings);
      if (action === undefined) break;
      const after = takeKeyStep(read.state, action, view, makeKey);
      await store.write(read, after);
      const { current, next } = after;
      log.info('signing keys changed', {
        step: action.type,
        signs: current.keyId,
        next: next?.keyId,
        request: view.request,
      });
      adopt(after, nextWishes);
    }
    await showStatus();
  };

  const showStatus = async (): Promise<void> => {
    const text = `${JSON.stringify(keyStatusOf(known(), viewOf(known()), settings), null, 2)}\n`;
    if (text === shownStatus) return;
    const metadata = { namespace, name: statusName, labels: { 'app.kubernetes.io/managed-by': 'edict-operator' } };
    const configMap = { metadata, data: { [KEY_STATUS_MEMBER]: text } };
    await objects.apply(RESOURCES.ConfigMap, configMap, { fieldManager: FIELD_MANAGER, force: true });
    shownStatus = text;
  };

  const lookSoon = (): void => {
    if (isStopped) return;
    cancel = clock.schedule(KEY_LOOK_MS, () => {
      look()
        .then(
          () => {
            problem = '';
          },
          (error: unknown) => {
            // Another has written first: the next look reads that.
            if (isStoreError(error, 'Conflict')) return;
            // An installation of an earlier chart has no right to the ConfigMap: said once, not all the time.
            if (String(error) !== problem) log.warn('the signing keys were not looked after', { error: String(error) });
            problem = String(error);
          },
        )
        .finally(lookSoon);
    });
  };

  return {
    start: async () => {
      // What is revoked has to be known before anything is trusted.
      const first = await readWishes().catch((error: unknown) => {
        if (!isStoreError(error, 'Forbidden')) throw error;
        log.warn('wishes about the signing keys cannot be read: the rights of the chart are of an earlier version', {
          configMap: statusName,
        });
        return wishes;
      });
      const { state: read } = await store.read();
      adopt(read, first);
      lookSoon();
    },
    signer: {
      key: () => {
        const { current } = known();
        return wishes.revoked.has(current.keyId) ? undefined : current;
      },
      standingOf: (keyId) => {
        if (wishes.revoked.has(keyId)) return 'Revoked';
        return known().retiring.some((key) => key.keyId === keyId) ? 'Retiring' : 'Good';
      },
    },
    trusted: () => trustedText(known(), wishes),
    figures: () => {
      if (state === undefined) return undefined;
      const { current, next, retiring } = state;
      const rotating = next?.sinceMs ?? retiring[0]?.sinceMs;
      return {
        signingSinceMs: current.sinceMs,
        ...(rotating === undefined ? {} : { rotatingSinceMs: rotating }),
        trusted: trustedKeysOf(state, wishes.revoked).length,
      };
    },
    stop: () => {
      isStopped = true;
      cancel?.();
    },
  };
}
