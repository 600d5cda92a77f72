/** Holds a deletion back until the policy is withdrawn from the PDPs. */
export const WITHDRAW_FINALIZER = 'edict.dev/withdraw';

/** `"true"`: delete at once, withdrawn or not; and past the admission's refusal when others import the domain. */
export const FORCE_DELETE_ANNOTATION = 'edict.dev/force-delete';

/** On objects that the operator made without being asked: `"true"`. */
export const CREATED_BY_OPERATOR_LABEL = 'edict.dev/created-by-operator';

/** The set that a namespace gets when it has domains and no set. */
export const DEFAULT_SET_NAME = 'default';

/** The operator's name in server-side apply. */
export const FIELD_MANAGER = 'edict-operator';
