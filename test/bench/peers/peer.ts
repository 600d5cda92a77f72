import { toJson } from '@edict/rego/values';
import type { BenchPolicy } from '../policies.ts';
import { repeat } from '../repeat.ts';
import { timing } from '../rounds.ts';

/** Another engine that can be measured beside ours. */
export interface Peer {
  readonly name: string;
  /** Compiles the policy, gives it its data, and answers every input once. Rejects if the engine cannot. */
  readonly load: (policy: BenchPolicy) => Promise<LoadedPeer>;
}

/** A policy in another engine. */
export interface LoadedPeer {
  /** By input: what the engine answers, as OPA's JSON; null where the answer is undefined. */
  readonly answers: readonly unknown[];
  /** The engine writes the members of a set in any order. Default false: in Rego's order, as OPA does. */
  readonly isUnordered?: boolean;
  /** Nanoseconds that `count` decisions take, over the inputs in turn. */
  readonly timeNs: (count: number) => number | Promise<number>;
  /** Frees what the policy holds. */
  readonly close: () => Promise<void>;
}

/** Why a peer cannot be measured on this machine; the rest can. */
export class PeerUnavailable extends Error {
  override readonly name = 'PeerUnavailable';
}

/** A policy in an engine of this process that is a function from input to answer. */
export function inProcess<T>(inputs: readonly T[], answer: (input: T) => unknown): LoadedPeer {
  return {
    answers: inputs.map((input) => {
      const value = answer(input);
      return value === undefined ? null : (JSON.parse(JSON.stringify(toJson(value))) as unknown);
    }),
    timeNs: timing(repeat(inputs, answer)),
    close: () => Promise.resolve(),
  };
}

/** The rule of a policy as OPA writes it: `data.authz.allow`. */
export function ruleOf({ entrypoint }: BenchPolicy): string {
  return `data.${entrypoint.replaceAll('/', '.')}`;
}
