/** Bounds on one decision. What exceeds one is an error inside the decision, hence a denial, never a crash. */
export interface DecisionLimits {
  /** Steps (loop turns and calls) that one decision may take, over all its policies. Beyond: `EVALUATION_ERROR`. */
  readonly maxSteps: number;
  /** Distinct policies that one decision may evaluate. Beyond: `EVALUATION_ERROR` for each further one. */
  readonly maxEvaluations: number;
  /** Values that merging annotations may touch. Beyond: the request is denied with `INVALPARAM_ERROR`. */
  readonly maxMergeSteps: number;
}

/** The bounds that hold unless others are given. */
export const defaultDecisionLimits: DecisionLimits = {
  maxSteps: 10_000_000,
  maxEvaluations: 1_000,
  maxMergeSteps: 1_000_000,
};

/** How deeply a PORC may nest, counting its own object as 1. */
export const maxPorcDepth = 10_000;

/** How many objects and arrays a PORC that is given as an object may consist of; texts are bounded by their size. */
export const maxPorcContainers = 100_000;
