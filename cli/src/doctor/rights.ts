import { CLUSTER_RIGHTS, OWN_NAMESPACE_RIGHTS, type RightsRule } from './operator-rights.ts';
import type { InstallationNames } from './installation.ts';

/** One right of the operator. */
export interface NeededRight {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verb: string;
  /** Of one object only. */
  readonly name?: string;
  /** In one namespace only. */
  readonly namespace?: string;
}

/** Whether the operator has it. */
export interface Right extends NeededRight {
  readonly allowed: boolean;
}

/** Every right that the chart gives the operator, under the names of this installation. */
export function neededRights(namespace: string, names: InstallationNames): readonly NeededRight[] {
  const actual = new Map<string, string>([
    ['edict-operator', names.lease],
    ['edict-certificates', names.certificateSecret],
    ['edict-signing-key', names.signingKeySecret],
    ['edict-ca', names.trustConfigMap],
    ['edict', names.webhookConfiguration],
  ]);
  const expand = ({ apiGroups, resources, resourceNames, verbs }: RightsRule): readonly NeededRight[] =>
    apiGroups.flatMap((group) =>
      resources.flatMap((path) =>
        verbs.flatMap((verb) => {
          const [resource = '', subresource] = path.split('/');
          const right = { group, resource, verb, ...(subresource === undefined ? {} : { subresource }) };
          if (resourceNames === undefined) return [right];
          return resourceNames.map((name) => ({ ...right, name: actual.get(name) ?? name }));
        }),
      ),
    );
  return [
    ...CLUSTER_RIGHTS.flatMap(expand),
    ...OWN_NAMESPACE_RIGHTS.flatMap(expand).map((right) => ({ ...right, namespace })),
  ];
}

/** `get secrets edict-signing-key in edict-system`. */
export function rightText({ group, resource, subresource, verb, name, namespace }: NeededRight): string {
  const path = subresource === undefined ? resource : `${resource}/${subresource}`;
  const full = group === '' ? path : `${path}.${group}`;
  return [
    verb,
    full,
    ...(name === undefined ? [] : [name]),
    ...(namespace === undefined ? [] : ['in', namespace]),
  ].join(' ');
}
