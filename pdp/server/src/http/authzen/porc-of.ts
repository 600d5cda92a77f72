import type { Evaluation, JsonObject } from './request.ts';

/**
 * The PORC of a question where the set declares no other: the principal has the subject's properties as its members and the
 * id as `sub`; the operation is the action's name; the resource is the id alone, which selectors then resolve, or, with
 * properties, an object that has these and the id. What PORC has no place for (the types, the action's properties) is in
 * `context.authzen`.
 */
export function porcOf({ subject, action, resource, context }: Evaluation): JsonObject {
  return {
    principal: { ...subject.properties, sub: subject.id },
    operation: action.name,
    resource: resource.properties === undefined ? resource.id : { ...resource.properties, id: resource.id },
    context: {
      ...context,
      authzen: {
        subject: { type: subject.type },
        action: action.properties === undefined ? {} : { properties: action.properties },
        resource: { type: resource.type },
      },
    },
  };
}
