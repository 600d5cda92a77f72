import type { PolicyDecisionPoint } from '@edict/crds';
import { isDeleting } from '../controllers/world.ts';
import { INJECT_LABEL, MIRROR_ANNOTATION } from './names.ts';

/** The webhook's own place. */
export interface WebhookService {
  readonly namespace: string;
  readonly name: string;
}

/** One entry of a MutatingWebhookConfiguration. */
export interface SelectorWebhook {
  readonly name: string;
  readonly clientConfig: {
    readonly caBundle: string;
    readonly service: WebhookService & { readonly path: string; readonly port: number };
  };
  readonly [member: string]: unknown;
}

/** How long the apiserver waits for an answer, as the chart says it for the other webhooks by default. */
const TIMEOUT_SECONDS = 10;

/**
 * The webhooks by which the apiserver asks about exactly the pods that fleets of sidecars select: all others are made whether or
 * not anybody answers. The path names the generation of the selector, so that nobody answers by an older one. Pure.
 */
export function selectorWebhooks(
  fleets: readonly PolicyDecisionPoint[],
  service: WebhookService,
  caBundle: string,
  excluded: ReadonlySet<string>,
): readonly SelectorWebhook[] {
  return fleets
    .filter((fleet) => !isDeleting(fleet) && !excluded.has(fleet.metadata.namespace ?? ''))
    .flatMap((fleet) => {
      const { metadata, spec } = fleet;
      const selector = spec.form === 'Sidecar' ? spec.sidecar?.selector : undefined;
      if (selector === undefined) return [];
      const { matchLabels, matchExpressions = [] } = selector;
      const { namespace = '', uid = '' } = metadata;
      return [
        {
          name: `${uid}.selector.inject.edict.dev`,
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          failurePolicy: 'Fail',
          matchPolicy: 'Equivalent',
          reinvocationPolicy: 'IfNeeded',
          timeoutSeconds: TIMEOUT_SECONDS,
          clientConfig: { caBundle, service: { ...service, path: selectorPath(fleet), port: 443 } },
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          objectSelector: {
            ...(matchLabels === undefined ? {} : { matchLabels }),
            matchExpressions: [
              ...matchExpressions,
              { key: INJECT_LABEL, operator: 'NotIn', values: ['disabled'] },
              // PDPs of fleets start whether or not the operator is there.
              { key: 'app.kubernetes.io/name', operator: 'NotIn', values: ['edict-pdp'] },
            ],
          },
          matchConditions: [
            {
              name: 'not-a-mirror-pod',
              expression: `!has(object.metadata.annotations) || !('${MIRROR_ANNOTATION}' in object.metadata.annotations)`,
            },
          ],
          rules: [
            { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' },
          ],
        },
      ];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The path of the webhook of a fleet with a selector, of its present generation. */
export function selectorPath({ metadata }: PolicyDecisionPoint): string {
  return `/mutate/selector/${metadata.name}/${metadata.generation ?? 0}`;
}
