import { isDeepStrictEqual } from 'node:util';
import type { PolicyDecisionPoint } from '@edict/crds';
import type { Clock } from '../clock.ts';
import { selectorPath, type SelectorWebhook } from '../injection/selector-webhooks.ts';
import type { OperatorLog } from '../observability/log.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';

interface WebhookConfiguration extends KubeObject {
  readonly webhooks?: readonly SelectorWebhook[];
}

export interface SelectorWebhooksOptions {
  readonly objects: KubeObjects;
  /** Name of the MutatingWebhookConfiguration, which the chart makes and nobody but us fills; none if empty. */
  readonly name: string;
  /** What should be in it now; undefined while nobody knows. */
  readonly wanted: () => readonly SelectorWebhook[] | undefined;
  /** What is in it has changed. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: OperatorLog;
}

/** Keeps the webhooks of fleets with a selector what they should be. */
export interface SelectorWebhooks {
  /** Why the apiserver does not ask about the pods of this fleet yet; undefined if it does. */
  readonly problemOf: (fleet: PolicyDecisionPoint) => string | undefined;
  /** Fleets may have come, gone or changed. */
  readonly look: () => void;
  readonly stop: () => void;
}

/** An upgrade of the chart, or somebody, may have changed it: it is looked at this often. */
const LOOK_MS = 15_000;
/** While it is missing or cannot be written. */
const RETRY_MS = 2_000;

/** Every apiserver learns of what was written by a watch of its own: after this they ask. */
const IN_FORCE_MS = 1_000;

/** Looks for the first time at once. */
export function createSelectorWebhooks(options: SelectorWebhooksOptions): SelectorWebhooks {
  const { objects, name, clock, log } = options;
  let paths: ReadonlySet<string> = new Set();
  let isFound = true;
  let isRunning = false;
  let isAsked = false;
  let isStopped = false;
  let cancel: (() => void) | undefined;

  /** Answers whether it is as it should be, until something changes. */
  const write = async (): Promise<boolean> => {
    const wanted = options.wanted();
    if (wanted === undefined) return false;
    const found = await objects.get<WebhookConfiguration>(RESOURCES.MutatingWebhookConfiguration, { name });
    isFound = found !== undefined;
    if (found === undefined) return false;
    if (!isDeepStrictEqual(found.webhooks ?? [], wanted)) {
      await objects.replace<WebhookConfiguration>(RESOURCES.MutatingWebhookConfiguration, {
        ...found,
        webhooks: wanted,
      });
      log.info('webhooks of selectors written', { name, count: wanted.length });
      await new Promise<void>((resolve) => {
        clock.schedule(IN_FORCE_MS, resolve);
      });
    }
    paths = new Set(wanted.map(placeOf));
    return true;
  };
  const look = (): void => {
    if (isStopped || name === '') return;
    isAsked = true;
    if (isRunning) return;
    isRunning = true;
    cancel?.();
    void settle();
  };
  const settle = async (): Promise<void> => {
    let delayMs = LOOK_MS;
    while (isAsked && !isStopped) {
      isAsked = false;
      const before = paths;
      try {
        delayMs = (await write()) ? LOOK_MS : RETRY_MS;
      } catch (error) {
        // Another replica, or an upgrade of the chart, was faster; or the apiserver is away.
        log.warn('the webhooks of selectors were not written', { name, error: String(error) });
        delayMs = RETRY_MS;
      }
      if (!isDeepStrictEqual(before, paths)) options.onChange();
    }
    isRunning = false;
    if (!isStopped) cancel = clock.schedule(delayMs, look);
  };
  look();
  return {
    problemOf: (fleet) => {
      if (name === '') return 'the operator runs without injection: install the chart with injection.enabled';
      if (!isFound) return `there is no MutatingWebhookConfiguration ${name}: install the chart with injection.enabled`;
      if (
        fleet.spec.sidecar?.selector === undefined ||
        paths.has(`${fleet.metadata.uid ?? ''} ${selectorPath(fleet)}`)
      ) {
        return undefined;
      }
      return 'its selector is not in force yet: pods that are made now get no PDP';
    },
    look,
    stop: () => {
      isStopped = true;
      cancel?.();
    },
  };
}

function placeOf({ name, clientConfig }: SelectorWebhook): string {
  return `${name.split('.')[0] ?? ''} ${clientConfig.service.path}`;
}
