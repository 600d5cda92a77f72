import { MANETU_CRD_NAME } from '@edict/crds';
import type { Clock } from '../clock.ts';
import type { OperatorLog } from '../observability/log.ts';
import { isStoreError } from '../store/errors.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';

/** On the CRD of Manetu's group: whose it is, as `namespace/service` of the conversion webhook. The chart writes it. */
export const OWNED_BY_ANNOTATION = 'edict.dev/owned-by';

/** Whose the CRD of Manetu's group is. `Unknown`: nobody has looked yet, or nobody answered. */
export type GroupState = 'Unknown' | 'Missing' | 'Foreign' | 'Owned';

interface Crd extends KubeObject {
  readonly spec: {
    readonly conversion?: {
      readonly strategy?: string;
      readonly webhook?: { readonly clientConfig?: { readonly caBundle?: string } };
    };
  };
}

export interface ManetuCrdOptions {
  readonly objects: KubeObjects;
  /** What {@link OWNED_BY_ANNOTATION} says of a CRD of ours. */
  readonly owner: string;
  readonly clock: Clock;
  readonly log: OperatorLog;
  /** Told whenever it changes. */
  readonly onState: (state: GroupState) => void;
}

/** Looks after the CRD of Manetu's group, if it is ours; another's is read and never written. */
export interface ManetuCrd {
  /** Keeps these authorities (PEM) as those of the conversion webhook; before the first call it only looks. */
  readonly keep: (trustBundle: string) => void;
  readonly stop: () => void;
}

/** The chart may bring it after us, and others may write it: it is looked at this often. */
const LOOK_MS = 15_000;
/** While it is missing or cannot be written. */
const RETRY_MS = 2_000;

/** Begins to look at once. */
export function watchManetuCrd(options: ManetuCrdOptions): ManetuCrd {
  const { objects, owner, clock, log } = options;
  let state: GroupState = 'Unknown';
  let bundle: string | undefined;
  let cancel: () => void = () => undefined;
  let turn = 0;

  const become = (next: GroupState): void => {
    if (next === state) return;
    state = next;
    if (next === 'Foreign') log.error(FOREIGN_MESSAGE, { crd: MANETU_CRD_NAME, wanted: owner, ...ADVICE });
    else log.info('the API group of Manetu', { crd: MANETU_CRD_NAME, state: next });
    options.onState(next);
  };
  const look = (mine: number): void => {
    const again = (delayMs: number): void => {
      // Somebody has begun anew, or stopped it.
      if (mine === turn) cancel = clock.schedule(delayMs, () => look(mine));
    };
    writeTrust(objects, owner, bundle).then(
      (found) => {
        if (mine === turn) become(found);
        again(found === 'Owned' || found === 'Foreign' ? LOOK_MS : RETRY_MS);
      },
      (error: unknown) => {
        log.warn('the CRD was not looked after', { crd: MANETU_CRD_NAME, error: String(error) });
        again(RETRY_MS);
      },
    );
  };
  const begin = (): void => {
    cancel();
    turn += 1;
    look(turn);
  };
  begin();
  return {
    keep: (trustBundle) => {
      bundle = trustBundle;
      begin();
    },
    stop: () => {
      cancel();
      turn += 1;
    },
  };
}

const FOREIGN_MESSAGE = 'another operator owns the CRD: neither it nor its objects are touched';
const ADVICE = {
  advice:
    'set manetuGroup.enabled=false; or, if nobody else serves the group any more, delete the CRD (which deletes its objects) and upgrade the release',
} as const;

const MAX_ATTEMPTS = 10;

async function writeTrust(objects: KubeObjects, owner: string, trustBundle: string | undefined): Promise<GroupState> {
  for (let attempt = 1; ; attempt++) {
    const found = await objects.get<Crd>(RESOURCES.CustomResourceDefinition, { name: MANETU_CRD_NAME });
    if (found === undefined) return 'Missing';
    if (found.metadata.annotations?.[OWNED_BY_ANNOTATION] !== owner) return 'Foreign';
    const { conversion } = found.spec;
    const clientConfig = conversion?.webhook?.clientConfig;
    if (trustBundle === undefined || clientConfig === undefined) return 'Owned';
    const caBundle = Buffer.from(trustBundle).toString('base64');
    if (clientConfig.caBundle === caBundle) return 'Owned';
    const webhook = { ...conversion?.webhook, clientConfig: { ...clientConfig, caBundle } };
    const spec = { ...found.spec, conversion: { ...conversion, webhook } };
    try {
      await objects.replace<Crd>(RESOURCES.CustomResourceDefinition, { ...found, spec });
      return 'Owned';
    } catch (error) {
      // Another replica, or an upgrade of the chart, was faster.
      if (!isStoreError(error, 'Conflict') || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}
