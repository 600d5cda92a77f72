import { stringify } from '@edict/rego/values';
import type { EvaluateOptions, Instance, Outcome, Value } from '@edict/rego';
import type { NetworkSession } from '@edict/rego/network';
import type { PolicyIdentity, ReasonCode } from './access-record.ts';
import type { Clock } from './decide-context.ts';
import type { DecisionLimits } from './limits.ts';
import type { Timeline } from './timeline.ts';

/** A policy that can be evaluated. Policies with equal texts share their program. */
export interface LoadedPolicy {
  readonly identity: PolicyIdentity;
  readonly program: LoadedProgram;
}

/** A program bound to a thread. */
export interface LoadedProgram {
  readonly instance: Instance;
  /** Whether the program asks for the time, which then has to be one and the same for the whole decision. */
  readonly usesClock: boolean;
  /** Whether the program can ask the network. */
  readonly usesNetwork: boolean;
}

/** Entry point of policies. */
export const policyEntrypoint = 'authz/allow';

/** Entry point of mappers. */
export const mapperEntrypoint = 'mapper/porc';

/** What a policy or a lookup says about one entity. */
export interface Finding {
  readonly granted: boolean;
  readonly reasonCode: ReasonCode;
  readonly reason: string;
}

/** The finding of a policy that grants. */
export const granted: Finding = { granted: true, reasonCode: 'POLICY_OUTCOME', reason: '' };

/** The finding of a policy that denies. */
export const denied: Finding = { granted: false, reasonCode: 'POLICY_OUTCOME', reason: '' };

/** A denial that comes from an error. */
export function failure(reasonCode: ReasonCode, reason: string): Finding {
  return { granted: false, reasonCode, reason };
}

/** What a decision needs that may ask the network. */
export interface NetworkUse {
  readonly session: NetworkSession;
  readonly timeline: Timeline;
}

/** Ends an attempt to decide: an answer of the network is missing. */
export class NetworkWait extends Error {
  override readonly name = 'NetworkWait';
}

/**
 * Evaluates the policies of one decision. All phases see the same input, so a policy that several entities share is
 * evaluated once.
 */
export class Evaluation {
  readonly #input: Value;
  readonly #limits: DecisionLimits;
  readonly #clock: Clock;
  readonly #network: NetworkUse | undefined;
  readonly #outcomes = new Map<LoadedProgram, Outcome>();
  readonly #options: EvaluateOptions;
  #timedOptions: EvaluateOptions | undefined = undefined;

  constructor(input: Value, limits: DecisionLimits, clock: Clock, network?: NetworkUse) {
    this.#input = input;
    this.#limits = limits;
    this.#clock = clock;
    this.#network = network;
    this.#options = { maxSteps: limits.maxSteps, budget: { remaining: limits.maxSteps } };
  }

  /**
   * What the policy answers.
   * @throws NetworkWait if that takes an answer which is not there yet; nothing else, and only with a session
   */
  outcomeOf(policy: LoadedPolicy): Outcome {
    const { program } = policy;
    if (this.#network !== undefined) return this.#timedOutcome(program, this.#network);
    return this.#outcomeOf(program, program.usesClock ? this.#withTime() : this.#options);
  }

  #timedOutcome(program: LoadedProgram, { session, timeline }: NetworkUse): Outcome {
    timeline.begin(program);
    const options = program.usesNetwork
      ? { ...this.#withTime(), network: session }
      : program.usesClock
        ? this.#withTime()
        : this.#options;
    const outcome = this.#outcomeOf(program, options);
    if (session.isWaiting) throw new NetworkWait();
    timeline.end();
    return outcome;
  }

  #outcomeOf(program: LoadedProgram, options: EvaluateOptions): Outcome {
    const known = this.#outcomes.get(program);
    if (known !== undefined) return known;
    if (this.#outcomes.size >= this.#limits.maxEvaluations) {
      const message = `the decision evaluates more than ${String(this.#limits.maxEvaluations)} policies`;
      return { kind: 'error', code: 'eval_cancel_error', message };
    }
    const evaluated = program.instance.evaluate(policyEntrypoint, this.#input, options);
    if (options.network === undefined) {
      this.#outcomes.set(program, evaluated);
      return evaluated;
    }
    const outcome = explained(evaluated, options.network);
    if (!options.network.isWaiting) this.#outcomes.set(program, outcome);
    return outcome;
  }

  /** Only `true` grants. */
  findingOf(policy: LoadedPolicy): Finding {
    const outcome = this.outcomeOf(policy);
    if (outcome.kind !== 'value') return failedEvaluation(outcome, policy);
    if (outcome.value === true) return granted;
    if (outcome.value === false) return denied;
    return failure('UNKNOWN_ERROR', `unexpected evaluation result: ${describeValue(outcome.value)}`);
  }

  #withTime(): EvaluateOptions {
    this.#timedOptions ??= { ...this.#options, nowNs: BigInt(Math.trunc(this.#clock.nowMs())) * 1_000_000n };
    return this.#timedOptions;
  }
}

/** Records say what the network had to do with a policy that is undefined. */
function explained(outcome: Outcome, { failures }: NetworkSession): Outcome {
  if (outcome.kind !== 'undefined' || failures.length === 0) return outcome;
  const message = `data.authz.allow is undefined: ${failures.join('; ')}`;
  return { kind: 'error', code: 'eval_builtin_error', message };
}

/** The finding for a policy without a value. */
export function failedEvaluation(outcome: Exclude<Outcome, { kind: 'value' }>, policy: LoadedPolicy): Finding {
  const { mrn } = policy.identity;
  if (outcome.kind === 'undefined') return failure('EVALUATION_ERROR', `${mrn}: data.authz.allow is undefined`);
  const { location } = outcome;
  const place = location === undefined ? mrn : `${location.file}:${String(location.row)}:${String(location.col)}`;
  return failure('EVALUATION_ERROR', `${place}: ${outcome.code}: ${outcome.message}`);
}

const maxDescription = 200;

/** A value as text for reasons, cut to a length that records can bear. */
export function describeValue(value: Value): string {
  const text = stringify(value);
  return text.length > maxDescription ? `${text.slice(0, maxDescription)}…` : text;
}
