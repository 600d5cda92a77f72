import type { z } from 'zod';

/** One column of `kubectl get`. `priority: 1` shows it with `-o wide` only. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  readonly priority?: 0 | 1;
}

/** Everything that `toCrd` needs to know of a kind; also what admission and the folder store validate with. */
export interface KindDefinition {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  readonly columns: readonly PrinterColumn[];
  /** Members of status that a fresh object starts with, so that no tool takes it for done (kstatus). */
  readonly statusDefault?: Readonly<Record<string, unknown>>;
  readonly scale?: {
    readonly specReplicasPath: string;
    readonly statusReplicasPath: string;
    readonly labelSelectorPath: string;
  };
}

/** What every status starts as. */
export const UNOBSERVED = { observedGeneration: -1 } as const;

/** The age column, last in every kind. */
export const AGE: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since creation.',
};

/** A column that shows a condition's status or reason. */
export function conditionColumn(
  name: string,
  type: string,
  member: 'status' | 'reason' | 'message',
  priority: 0 | 1 = 0,
): PrinterColumn {
  return {
    name,
    type: 'string',
    jsonPath: `.status.conditions[?(@.type=="${type}")].${member}`,
    description: `The ${member} of condition ${type}.`,
    priority,
  };
}
