import type { z } from 'zod';

/** What members of an object must agree on. The apiserver decides it by `cel`, our own reading by `breaks`. */
export interface Rule<T> {
  /** True where the object is right, as the Common Expression Language of `x-kubernetes-validations` has it. */
  readonly cel: string;
  /** The member that is at fault, as `a.b`, from the object on. */
  readonly at: string;
  readonly message: string;
  /** True where the object is wrong: the opposite of `cel`. */
  readonly breaks: (value: T) => boolean;
}

/** An object schema whose objects obey rules too: in the generated CRD, and wherever the schema is read with. */
export function withRules<S extends z.ZodObject>(schema: S, rules: readonly Rule<z.output<S>>[]): S {
  return schema
    .superRefine((value, context) => {
      for (const { breaks, message, at } of rules) {
        if (breaks(value)) context.addIssue({ code: 'custom', path: at.split('.'), message });
      }
    })
    .meta({
      'x-kubernetes-validations': rules.map(({ cel, message, at }) => ({ rule: cel, message, fieldPath: `.${at}` })),
    });
}
