import { z } from 'zod';

/** API group of every kind of ours. */
export const API_GROUP = 'edict.dev';
/** The one served version. */
export const API_VERSION = `${API_GROUP}/v1beta1`;

/** The part of Kubernetes' ObjectMeta that we read. Other members are kept as they are. */
export const ObjectMeta = z.looseObject({
  name: z.string().min(1).max(253),
  namespace: z.string().optional(),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
  generation: z.int().optional(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  finalizers: z.array(z.string()).optional(),
  ownerReferences: z
    .array(
      z.looseObject({
        apiVersion: z.string(),
        kind: z.string(),
        name: z.string(),
        uid: z.string(),
        controller: z.boolean().optional(),
        blockOwnerDeletion: z.boolean().optional(),
      }),
    )
    .optional(),
});
export type ObjectMeta = z.output<typeof ObjectMeta>;

/** A stored object of any kind of ours. */
export interface ApiObject<Spec, Status> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: Spec;
  readonly status?: Status;
}

/** A Go-style duration: `300ms`, `10s`, `1h30m`. */
export const Duration = z
  .string()
  .max(32)
  .regex(/^([0-9]+(ms|s|m|h))+$/);

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a text that `Duration` accepts; `NaN` for any other text. */
export function durationMs(text: string): number {
  if (!/^([0-9]+(ms|s|m|h))+$/.test(text)) return Number.NaN;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9]+)(ms|s|m|h)/g)) {
    total += Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  }
  return total;
}

/** A share such as `95%`, whole numbers from `0%` to `100%`. */
export const Percentage = z
  .string()
  .max(4)
  .regex(/^(100|[0-9]{1,2})%$/);

/** The fraction 0..1 of a text that `Percentage` accepts. */
export function percentageFraction(text: string): number {
  return Number.parseInt(text, 10) / 100;
}

/** Kubernetes' label selector. An empty one selects everything. */
export const LabelSelector = z
  .object({
    matchLabels: z
      .record(z.string(), z.string().max(63))
      .optional()
      .meta({ description: 'Labels that must all be there with these values.' }),
    matchExpressions: z
      .array(
        z.object({
          key: z.string().min(1).max(317).meta({ description: 'The label key.' }),
          operator: z
            .enum(['In', 'NotIn', 'Exists', 'DoesNotExist'])
            .meta({ description: 'How the key relates to the values.' }),
          values: z
            .array(z.string().max(63))
            .max(64)
            .optional()
            .meta({ description: 'Values for In and NotIn.', 'x-kubernetes-list-type': 'atomic' }),
        }),
      )
      .max(64)
      .optional()
      .meta({ description: 'Requirements that must all hold.', 'x-kubernetes-list-type': 'atomic' }),
  })
  .meta({ 'x-kubernetes-map-type': 'atomic' });
export type LabelSelector = z.output<typeof LabelSelector>;

/** Whether `labels` meet `selector`, as the apiserver would decide. */
export function selectorMatches(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const has = (key: string) => Object.hasOwn(labels, key);
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    if (!has(key) || labels[key] !== value) return false;
  }
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    switch (operator) {
      case 'Exists':
        return has(key);
      case 'DoesNotExist':
        return !has(key);
      case 'In':
        return has(key) && values.includes(labels[key] ?? '');
      case 'NotIn':
        return !has(key) || !values.includes(labels[key] ?? '');
    }
  });
}
