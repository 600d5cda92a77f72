import { z } from 'zod';
import { withRules } from './rules.ts';

const ANYTHING = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } as const;

/** An object of Kubernetes' own, kept as it is: the apiserver checks it where it is used. */
export const preserved = (description: string) =>
  z
    .record(z.string(), z.unknown())
    .optional()
    .meta({ description, ...ANYTHING });

/** A list of such objects. */
export const preservedList = (description: string) =>
  z
    .array(z.record(z.string(), z.unknown()).meta({ ...ANYTHING }))
    .max(64)
    .optional()
    .meta({ description, 'x-kubernetes-list-type': 'atomic' });

/** Texts by name. */
export const texts = (description: string) =>
  z.record(z.string(), z.string().max(262_144)).optional().meta({ description, maxProperties: 128 });

/** An environment variable of a container (EnvVar) that is no setting of a PDP. */
export const EnvVariable = withRules(
  z.object({
    name: z
      .string()
      .max(253)
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
      .meta({ description: 'Its name.' }),
    value: z.string().max(4096).optional().meta({ description: 'Its value.' }),
    valueFrom: preserved('Where its value is (EnvVarSource).'),
  }),
  [
    {
      cel: "!self.name.startsWith('EDICT_PDP_')",
      at: 'name',
      message: 'variables EDICT_PDP_… belong into settings',
      breaks: ({ name }) => name.startsWith('EDICT_PDP_'),
    },
  ],
);

/** A volume of a pod (Volume). */
export const NamedVolume = z
  .looseObject({ name: z.string().min(1).max(63).meta({ description: 'Its name.' }) })
  .meta({ 'x-kubernetes-preserve-unknown-fields': true });
/** Where a container has a volume (VolumeMount). */
export const VolumeMount = z
  .looseObject({
    name: z.string().min(1).max(63).meta({ description: 'Name of the volume.' }),
    mountPath: z
      .string()
      .max(512)
      .regex(/^(\/[^/\s:]+)+$/)
      .meta({ description: 'Folder in the container.' }),
  })
  .meta({ 'x-kubernetes-preserve-unknown-fields': true });
