import { z } from 'zod';
import { withRules } from './rules.ts';

/** Name of a Secret, a ConfigMap and the like (RFC 1123 subdomain). */
export const ObjectName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);

/** One entry of a Secret or a ConfigMap in the namespace of the object that names it; `key` if it says nothing else. */
export function FileSource(key: string) {
  return withRules(
    z.object({
      secretName: ObjectName.optional().meta({ description: 'The Secret that has it.' }),
      configMapName: ObjectName.optional().meta({ description: 'The ConfigMap that has it.' }),
      key: z
        .string()
        .max(253)
        .regex(/^[-._a-zA-Z0-9]+$/)
        .default(key)
        .meta({ description: 'Its key there.' }),
    }),
    [
      {
        cel: 'has(self.secretName) != has(self.configMapName)',
        at: 'secretName',
        message: 'name a Secret (secretName) or a ConfigMap (configMapName), one of both',
        breaks: ({ secretName, configMapName }) => (secretName === undefined) === (configMapName === undefined),
      },
    ],
  );
}
export type FileSource = z.output<ReturnType<typeof FileSource>>;
