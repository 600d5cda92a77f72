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
  /** Why a difference between them is none: see `README.md`. */
  readonly excuse?: Excuse;
}

/** What sets two answers apart without being a difference. */
export type Excuse =
  /** Strict errors only: OPA makes an index of a comprehension, for which it evaluates more of it than is asked for. */
  | 'index'
  /** Equal numbers that the module, the input or the data hold in several ways of writing: another one of them is kept. */
  | 'spelling';

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
    ask: async (question) => {
      const answers = {
        opa: await opaAnswer(server, question),
        ours: 'evaluate' in own ? ourAnswer(own, question) : own,
      };
      if (!isDifferent(answers) || !('evaluate' in own)) return answers;
      if (differsInSpelling(answers, [source, question.input, baseDocument])) return { ...answers, excuse: 'spelling' };
      return (await isIndexFailure(server, own, question, answers)) ? { ...answers, excuse: 'index' } : answers;
    },
  };
};

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * Whether two values differ in nothing but how equal numbers are written, all of them as some text has them. Which of equal
 * values OPA keeps depends on the names that its compiler gives out, and on what its cache of calls has kept.
 */
const differsInSpelling = ({ opa, ours }: Answers, texts: readonly string[]): boolean => {
  if (!('value' in opa) || !('value' in ours)) return false;
  if (opa.value.replace(NUMBER, '0') !== ours.value.replace(NUMBER, '0')) return false;
  const written = new Set(texts.flatMap((text) => text.match(NUMBER) ?? []));
  const theirs = opa.value.match(NUMBER) ?? [];
  const mine = ours.value.match(NUMBER) ?? [];
  return theirs.every((text, index) => {
    const other = mine[index] ?? '';
    return text === other || (Number(text) === Number(other) && written.has(text) && written.has(other));
  });
};

/** Whether OPA alone fails in a built-in, agrees where such failures do not count, and made an index of a comprehension. */
const isIndexFailure = async (
  server: OpaServer,
  own: Instance,
  question: Question,
  { opa, ours }: Answers,
): Promise<boolean> => {
  if (!question.strict || !('error' in opa) || !/^eval_(builtin|type)_error$/.test(opa.error)) return false;
  if (!('value' in ours)) return false;
  const lenient = { ...question, strict: false };
  if (JSON.stringify(await opaAnswer(server, lenient)) !== JSON.stringify(ourAnswer(own, lenient))) return false;
  return server.makesComprehensionIndex('fuzz', question.input);
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
  answers.excuse === undefined &&
  !isInternal(answers) &&
  !isOtherFailure(answers) &&
  JSON.stringify(answers.opa) !== JSON.stringify(answers.ours);

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
