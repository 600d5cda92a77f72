import { ownMember, type Evaluation, type JsonObject } from './request.ts';

/**
 * The PORC of a question where the set declares no other: the principal has the subject's properties as its members and the
 * id as `sub`; the operation is the action's name; the resource is the id alone, which selectors then resolve. Where its
 * properties name a group, nothing is to be resolved: the resource is then an object that has these and the id. What PORC has
 * no place for (types, the properties of action and resource) is in `context.authzen`.
 */
export function porcOf({ subject, action, resource, context }: Evaluation): JsonObject {
  return {
    principal: { ...subject.properties, sub: subject.id },
    operation: action.name,
    resource: namesGroup(resource) ? { ...resource.properties, id: resource.id } : resource.id,
    context: {
      ...context,
      authzen: {
        subject: { type: subject.type },
        action: action.properties === undefined ? {} : { properties: action.properties },
        resource: {
          type: resource.type,
          ...(resource.properties === undefined ? {} : { properties: resource.properties }),
        },
      },
    },
  };
}

/** Properties without a group say nothing of where the resource belongs, and must not keep it from being found out. */
function namesGroup({ properties }: Evaluation['resource']): boolean {
  return properties !== undefined && typeof ownMember(properties, 'group') === 'string';
}
