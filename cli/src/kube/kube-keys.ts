import { createKubeClient, objectPath, RESOURCES } from '@edict/operator/kube';
import { isStoreError } from '@edict/operator';
import { KEY_STATUS_MEMBER, KeyStatus, REVOKE_ANNOTATION, ROTATE_ANNOTATION } from '@edict/operator/views';
import type { KeyDesk } from '../fleet/key-desk.ts';
import type { FleetOptions } from '../fleet/fleet.ts';
import { CommandError } from '../io.ts';
import { configOf, said, whoAmI } from './kube-fleet.ts';

/** The ConfigMap in the operator's namespace that shows where the keys stand and takes wishes. */
const CONFIG_MAP = 'edict-signing-key';
const FIELD_MANAGER = 'kubectl-edict';

interface ConfigMap {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
}

/** The signing keys of an operator in a cluster, with the rights of the user: no secret is read or written. */
export function createKeyDesk(options: Pick<FleetOptions, 'kubeconfig' | 'context' | 'operatorNamespace'>): KeyDesk {
  const { operatorNamespace: namespace } = options;
  const client = createKubeClient({ config: configOf(options) });
  const path = objectPath(RESOURCES.ConfigMap, CONFIG_MAP, namespace);
  const place = `configmap ${CONFIG_MAP} in namespace ${namespace} (see --operator-namespace)`;

  const read = async (): Promise<ConfigMap> => {
    try {
      return (await client.request({ method: 'GET', path })) as ConfigMap;
    } catch (error) {
      if (!isStoreError(error, 'NotFound')) throw error;
      throw new CommandError(`there is no ${place}: the operator makes it when it leads, from version 0.1.0 on`);
    }
  };
  const annotate = async (annotations: Readonly<Record<string, string>>): Promise<void> => {
    const request = client.request({
      method: 'PATCH',
      path,
      query: { fieldManager: FIELD_MANAGER },
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations } },
    });
    await said(place, request);
  };
  return {
    status: async () => {
      const { data } = await said(place, read());
      const parsed = KeyStatus.safeParse(JSON.parse(data?.[KEY_STATUS_MEMBER] ?? 'null'));
      if (!parsed.success) throw new CommandError(`${place} holds no status: see the operator's log`);
      return parsed.data;
    },
    rotate: async (at) => {
      const by = (await whoAmI(client)) ?? 'somebody';
      await annotate({ [ROTATE_ANNOTATION]: `${at} ${by}` });
    },
    revoke: async (keyId) => {
      const { metadata } = await said(place, read());
      const before = (metadata.annotations?.[REVOKE_ANNOTATION] ?? '').split(',').filter((id) => id !== '');
      await annotate({ [REVOKE_ANNOTATION]: [...new Set([...before, keyId])].join(',') });
    },
    close: () => client.close(),
  };
}
