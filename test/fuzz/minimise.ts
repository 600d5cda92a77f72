import { stringify } from '@edict/rego/values';
import { isDifferent, load, readJson, type Answers, type Question } from './compare.ts';
import { OpaBrokeOff, type OpaServer } from './opa-server.ts';
import type { RandomModule, RandomRule } from './random-program.ts';

/** A module and a question that two engines answer differently. */
export interface Difference {
  readonly module: RandomModule;
  readonly question: Question;
  readonly answers: Answers;
}

/** Most modules that one difference is tried on. */
const MAX_ATTEMPTS = 600;

/** Takes imports, rules, literals, texts and members of the input away as long as the engines still differ alike. */
export const minimise = async (server: OpaServer, difference: Difference): Promise<Difference> => {
  let best = difference;
  let attempts = 0;
  const attempt = async (module: RandomModule, question: Question): Promise<boolean> => {
    if (module.rules.length === 0 || ++attempts > MAX_ATTEMPTS) return false;
    const answers = await ask(server, module, question);
    if (answers === undefined || !isDifferent(answers) || kindOf(answers) !== kindOf(difference.answers)) return false;
    best = { module, question, answers };
    return true;
  };
  const improve = async (): Promise<boolean> => {
    for (const module of smallerModules(best.module)) if (await attempt(module, best.question)) return true;
    for (const input of smallerInputs(best.question.input)) {
      if (await attempt(best.module, { ...best.question, input })) return true;
    }
    return false;
  };
  while (await improve());
  return best;
};

/** What both make of a question; undefined where OPA broke off. */
const ask = async (server: OpaServer, module: RandomModule, question: Question): Promise<Answers | undefined> => {
  try {
    const loaded = await load(server, module);
    return loaded.accepted ? await loaded.ask(question) : loaded.load;
  } catch (error) {
    if (!(error instanceof OpaBrokeOff)) throw error;
    await server.recover();
    return undefined;
  }
};

/** The same difference, however the values are called: so that one difference does not turn into another. */
const kindOf = ({ opa, ours }: Answers): string =>
  [opa, ours].map((answer) => ('error' in answer ? answer.error : 'value')).join('/');

function* smallerModules(module: RandomModule): Iterable<RandomModule> {
  for (const [i] of module.imports.entries()) yield { ...module, imports: without(module.imports, i) };
  for (const [i] of module.rules.entries()) yield { ...module, rules: without(module.rules, i) };
  for (const [i, rule] of module.rules.entries()) {
    for (const smaller of smallerRules(rule)) {
      yield { ...module, rules: module.rules.map((other, index) => (index === i ? smaller : other)) };
    }
  }
}

function* smallerRules(rule: RandomRule): Iterable<RandomRule> {
  if (rule.tail !== '') yield { ...rule, tail: '' };
  for (const [i] of rule.literals.entries()) yield { ...rule, literals: without(rule.literals, i) };
  for (const [i, literal] of rule.literals.entries()) {
    for (const text of smallerTexts(literal)) {
      yield { ...rule, literals: rule.literals.map((other, index) => (index === i ? text : other)) };
    }
  }
  for (const text of smallerTexts(rule.head)) yield { ...rule, head: text };
}

/** A text with a bracketed part, or what is in front of a comma or operator in one, taken away. */
function* smallerTexts(text: string): Iterable<string> {
  for (const match of text.matchAll(/\([^()]*\)|\[[^[\]]*\]|\{[^{}]*\}/g)) {
    const { 0: part, index } = match;
    for (const other of ['1', part.slice(1, -1)]) {
      if (other !== part) yield text.slice(0, index) + other + text.slice(index + part.length);
    }
  }
  for (const match of text.matchAll(/, [^,()[\]{}]+|[^,()[\]{}]+, |[^;{}|]+; | with [\w.]+ as [^ ]+/g)) {
    yield text.slice(0, match.index) + text.slice(match.index + match[0].length);
  }
}

function* smallerInputs(input: string): Iterable<string> {
  const value = readJson(input);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const entries = Object.entries(value);
  for (const [name] of entries) yield stringify(Object.fromEntries(entries.filter(([other]) => other !== name)));
}

const without = <T>(items: readonly T[], index: number): readonly T[] => items.filter((_, i) => i !== index);
