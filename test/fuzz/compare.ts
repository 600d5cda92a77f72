import { compile, instantiate } from '@edict/rego';
import { parseJson, stringify, toJson } from '@edict/rego/values';
import type { Instance, Value } from '@edict/rego';
import type { OpaServer } from './opa-server.ts';
import { baseDocument } from './random-json.ts';
import { moduleText, type RandomModule } from './random-program.ts';

/** What either engine makes of a module and an input: a value as text, or the codes of errors. */
export type Answer = { readonly value: string } | { readonly error: string };

/** What both make of one question. */
export interface Answers {
  readonly opa: Answer;
  readonly ours: Answer;
}

/** A question to a module. */
export interface Question {
  /** JSON. */
  readonly input: string;
  /** Whether the first error of a built-in fails the evaluation. */
  readonly strict: boolean;
}

/** A module that both engines have seen: asks them questions. */
export interface Comparison {
  /** Whether both took the module, or what they said of it. */
  readonly load: Answers;
  readonly accepted: boolean;
  readonly ask: (question: Question) => Promise<Answers>;
}

/** Loads a module into both engines. */
export const load = async (server: OpaServer, module: RandomModule): Promise<Comparison> => {
  const source = moduleText(module);
  const verdict = await server.putModule(source);
  const own = loadOurs(source);
  const limited = verdict.limited && 'error' in own;
  const opa: Answer = verdict.codes.length === 0 ? { value: '' } : { error: distinct(verdict.codes) };
  const ours: Answer = 'error' in own ? own : { value: '' };
  return {
    // Behind its tenth error OPA looks at nothing more: then it counts that both refuse.
    load: { opa, ours: limited ? opa : ours },
    accepted: 'value' in opa && 'evaluate' in own,
    ask: async (question) => ({
      opa: await opaAnswer(server, question),
      ours: 'evaluate' in own ? ourAnswer(own, question) : own,
    }),
  };
};

/** Whether OPA gave up by its own account: that is no answer to compare with. */
export const isInternal = ({ opa }: Answers): boolean => 'error' in opa && opa.error === 'eval_internal_error';

/**
 * Whether both fail, each with another failure first. OPA goes on with the first value of a document before it looks for a
 * second one, and through sets of refs in an order of its own, which with strict errors shows in nothing but the code.
 */
export const isOtherFailure = ({ opa, ours }: Answers): boolean =>
  'error' in opa &&
  'error' in ours &&
  opa.error !== ours.error &&
  [opa.error, ours.error].every((code) => /^eval_(conflict|builtin|type)_error$/.test(code));

/** Whether two engines disagree. */
export const isDifferent = (answers: Answers): boolean =>
  !isInternal(answers) && !isOtherFailure(answers) && JSON.stringify(answers.opa) !== JSON.stringify(answers.ours);

const loadOurs = (source: string): Instance | { readonly error: string } => {
  try {
    return compileOurs(source);
  } catch (error) {
    // Nothing that a module holds may do that: a difference like any other, so that it is minimised.
    return { error: `thrown: ${error instanceof Error ? error.message : String(error)}` };
  }
};

const compileOurs = (source: string): Instance | { readonly error: string } => {
  const compiled = compile([{ name: 'fuzz.rego', source }], { entrypoints: ['fuzz'] });
  if (!compiled.ok) return { error: distinct(compiled.diagnostics.map(({ code }) => code)) };
  return instantiate(compiled.program, { data: { base: readJson(baseDocument) } });
};

const distinct = (codes: readonly string[]): string => [...new Set(codes)].sort().join(' ');

const opaAnswer = async (server: OpaServer, { input, strict }: Question): Promise<Answer> => {
  const answer = await server.evaluate('fuzz', input, strict);
  if (answer.code !== undefined) return { error: answer.code };
  const reply = readJson(answer.result ?? '{}') as { readonly result?: Value };
  return { value: reply.result === undefined ? 'undefined' : withOldNames(stringify(reply.result)) };
};

/** The one deviation that is meant: what `sprintf` calls an integer under a wrong verb (docs/adr/0005-int-in-sprintf.md). */
const withOldNames = (text: string): string => text.replaceAll('int64=', 'int=');

const ourAnswer = (instance: Instance, { input, strict }: Question): Answer => {
  const outcome = instance.evaluate('fuzz', readJson(input), { strictBuiltinErrors: strict });
  if (outcome.kind === 'error') return { error: outcome.code };
  return { value: outcome.kind === 'undefined' ? 'undefined' : stringify(toJson(outcome.value)) };
};

/** Reads JSON as both engines do: numbers keep their text. */
export const readJson = (text: string): Value => {
  const parsed = parseJson(text);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.value;
};
