import { collectionPath, RESOURCES, type KubeClient } from '@edict/operator/kube';
import type { InstallationNames } from '../doctor/installation.ts';
import { neededRights, type Right } from '../doctor/rights.ts';

/** Asks the API server about every right that the operator needs. Throws `StoreError`, `Forbidden` where the user may not ask. */
export async function reviewRights(
  client: KubeClient,
  namespace: string,
  names: InstallationNames,
): Promise<readonly Right[]> {
  const user = `system:serviceaccount:${namespace}:${names.serviceAccount}`;
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
  const { apiVersion, kind } = RESOURCES.SubjectAccessReview;
  return await Promise.all(
    neededRights(namespace, names).map(async (right) => {
      const answer = (await client.request({
        method: 'POST',
        path: collectionPath(RESOURCES.SubjectAccessReview),
        body: { apiVersion, kind, spec: { user, groups, resourceAttributes: right } },
      })) as { readonly status?: { readonly allowed?: boolean } };
      return { ...right, allowed: answer.status?.allowed === true };
    }),
  );
}
