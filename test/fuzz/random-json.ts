import type { RandomSource } from './random-source.ts';

const manyText = Array.from({ length: 20 }, (_, i) => `{"id":${String(i % 7)},"tag":"t${String(i % 3)}"}`).join(',');

/** Base documents that every program sees at `data.base`. */
export const baseDocument = `{"roles":{"ann":["dev","ops"],"bob":["dev"],"eve":[]},"grants":[{"role":"dev","act":"read","level":1},{"role":"ops","act":"write","level":2},{"role":"dev","act":"list","level":1.0},{"role":"ops","act":"read","level":3}],"nums":[3,1,2,2.5,10,-1],"flags":{"a":true,"b":false,"c":null},"odd":{"__proto__":{"x":1},"constructor":"c","toString":[1.50,1e3],"😀":"\\uffee"},"many":[${manyText}]}`;

/** Members of inputs. */
export const fields = ['a', 'b', 'n', 's', 'xs', 'o', 'user', 'path', '__proto__', 'constructor'] as const;

/** Strings as JSON: some that policies compare with, and some that are hard to treat right. */
export const stringTexts = [
  '"a"',
  '"b"',
  '"dev"',
  '"read"',
  '"ann"',
  '"a:b"',
  '"a.b"',
  '"/a/b.go"',
  '"é"',
  '""',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"😀"',
  '"\\uffee"',
  '"\\ud83d\\ude00x"',
  '"<&>"',
  '"A b\\tc"',
  '"10"',
  '"1.5"',
  '"2020-01-02T03:04:05Z"',
  '"1h"',
  '"10.0.0.0/8"',
  '"YQ=="',
  '"{\\"a\\":1}"',
] as const;

/** Numbers as JSON. */
export const numberTexts = [
  '0',
  '1',
  '2',
  '3',
  '1',
  '2',
  '10',
  '-1',
  '1.5',
  '1.0',
  '2.0',
  '0.1',
  '-0.5',
  '1e3',
  '1.50',
  '2.5e-3',
  '100',
  '9007199254740993',
  '12345678901234567890',
  '0.30000000000000004',
  '1e21',
  '-7',
] as const;

/** Small integers, for built-ins whose work grows with them. */
export const smallNumberTexts = ['0', '1', '2', '3', '-1', '5'] as const;

const scalar = (random: RandomSource): string => {
  switch (random.below(6)) {
    case 0:
    case 1:
      return random.pick(numberTexts);
    case 2:
      return random.pick(['true', 'false', 'null']);
    default:
      return random.pick(stringTexts);
  }
};

const array = (random: RandomSource, depth: number): string =>
  `[${random.some(0, 4, () => json(random, depth)).join(',')}]`;

const object = (random: RandomSource, depth: number): string => {
  const keys = ['a', 'b', 'x', 'dev', '__proto__', '1', 'ann'].filter(() => random.chance(0.4));
  return `{${keys.map((key) => `"${key}":${json(random, depth)}`).join(',')}}`;
};

const json = (random: RandomSource, depth: number): string => {
  const kind = random.below(8);
  if (depth > 0 && kind === 0) return array(random, depth - 1);
  if (depth > 0 && kind === 1) return object(random, depth - 1);
  return scalar(random);
};

/** A random input: an object whose members mostly have the types that their names promise. */
export const randomInput = (random: RandomSource): string => {
  if (random.chance(0.02)) return json(random, 2);
  const member = (field: (typeof fields)[number]): string => {
    if (random.chance(0.15)) return json(random, 2);
    switch (field) {
      case 'xs':
        return array(random, 2);
      case 'o':
        return object(random, 2);
      case 'n':
        return random.pick(numberTexts);
      case 's':
      case 'user':
      case 'path':
        return random.pick(stringTexts);
      default:
        return json(random, 1);
    }
  };
  return `{${fields
    .filter(() => random.chance(0.75))
    .map((field) => `"${field}":${member(field)}`)
    .join(',')}}`;
};
