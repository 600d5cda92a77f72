import { z } from 'zod';

/** As far as it says who runs: of a pod, or of one container, which goes before. */
const SecurityContext = z.looseObject({ runAsUser: z.number().optional() });

const EnvVariable = z.looseObject({ name: z.string(), value: z.string().optional() });

const Container = z.looseObject({
  name: z.string(),
  restartPolicy: z.string().optional(),
  ports: z
    .array(z.looseObject({ containerPort: z.int(), protocol: z.string().optional(), name: z.string().optional() }))
    .optional(),
  env: z.array(EnvVariable).optional(),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).optional(),
  securityContext: SecurityContext.optional(),
});

/** A container of a pod, as far as we look at it. */
export type PodContainer = z.output<typeof Container>;

const Volume = z.looseObject({
  name: z.string(),
  projected: z
    .looseObject({
      sources: z
        .array(z.looseObject({ serviceAccountToken: z.looseObject({ audience: z.string().optional() }).nullish() }))
        .nullish(),
    })
    .nullish(),
});

const ContainerStatus = z.looseObject({
  name: z.string(),
  ready: z.boolean().optional(),
  state: z.looseObject({ running: z.unknown().optional() }).optional(),
});

/** A pod, as far as we look at it: what an admission brings, or what the API has. Other members are kept as they are. */
export const PodShape = z.looseObject({
  metadata: z.looseObject({
    name: z.string().optional(),
    generateName: z.string().optional(),
    namespace: z.string().optional(),
    uid: z.string().optional(),
    deletionTimestamp: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.looseObject({
    hostNetwork: z.boolean().optional(),
    securityContext: SecurityContext.optional(),
    serviceAccountName: z.string().optional(),
    os: z.looseObject({ name: z.string().optional() }).optional(),
    initContainers: z.array(Container).optional(),
    containers: z.array(Container),
    volumes: z.array(Volume).optional(),
    imagePullSecrets: z.array(z.looseObject({ name: z.string().optional() })).optional(),
  }),
  status: z
    .looseObject({
      phase: z.string().optional(),
      initContainerStatuses: z.array(ContainerStatus).optional(),
    })
    .optional(),
});
export type PodShape = z.output<typeof PodShape>;

/** What people know the pod by: one that is about to be made may have only the beginning of a name. */
export function podName({ metadata: { name, generateName } }: PodShape): string {
  if (name !== undefined && name !== '') return name;
  return generateName === undefined || generateName === '' ? 'the pod' : `${generateName}…`;
}
