import { RegoNumber } from '../number.ts';
import { isPlainObject, type PlainObject, type Value } from '../value.ts';
import { formatFloat } from './go-float.ts';
import { quoteText } from './text.ts';
import { isAmbiguous } from './yaml-scalar.ts';

/** Writes plain JSON as YAML in the style of go-yaml v3 with an indent of two. */
export function writeYaml(value: Value): string {
  if (Array.isArray(value) && value.length > 0) return writeList(value as readonly Value[], '');
  if (isPlainObject(value) && Object.keys(value).length > 0) return writeObject(value, '');
  return `${writeScalar(value, '')}\n`;
}

function writeList(list: readonly Value[], indent: string): string {
  return list.map((element) => `${indent}- ${writeNested(element, `${indent}  `)}`).join('');
}

/** An element of a list: collections begin on the line of the dash. */
function writeNested(value: Value, indent: string): string {
  if (Array.isArray(value) && value.length > 0) return writeList(value as readonly Value[], indent).trimStart();
  if (isPlainObject(value) && Object.keys(value).length > 0) return writeObject(value, indent).trimStart();
  return `${writeScalar(value, indent)}\n`;
}

function writeObject(object: PlainObject, indent: string): string {
  let text = '';
  for (const key of Object.keys(object).sort(compareKeys)) {
    const value = object[key];
    text += `${indent}${writeString(key, indent, true)}:`;
    if (Array.isArray(value) && value.length > 0) text += `\n${writeList(value as readonly Value[], `${indent}  `)}`;
    else if (isPlainObject(value) && Object.keys(value).length > 0) text += `\n${writeObject(value, `${indent}  `)}`;
    else text += ` ${writeScalar(value, `${indent}  `)}\n`;
  }
  return text;
}

function writeScalar(value: Value, indent: string): string {
  if (typeof value === 'string') return writeString(value, indent, false);
  if (value === null) return 'null';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number' || value instanceof RegoNumber) return writeNumber(String(value));
  return Array.isArray(value) ? '[]' : '{}';
}

function writeNumber(text: string): string {
  if (/^-?\d+$/.test(text)) {
    const integer = BigInt(text);
    if (BigInt.asIntN(64, integer) === integer || BigInt.asUintN(64, integer) === integer) return text;
  }
  return formatFloat(Number(text), 'g', -1);
}

function writeString(text: string, indent: string, isKey: boolean): string {
  if (isAmbiguous(text)) return quoteText(text);
  if (/[\u{10000}-\u{10ffff}]/u.test(text)) return quoteAstral(text);
  if (/[^\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u.test(text)) return quoteText(text);
  if (text.includes('\n')) return isKey || /^[\n ]/.test(text) ? quoteText(text) : writeLiteral(text, indent);
  return isPlain(text) ? text : `'${text.replaceAll("'", "''")}'`;
}

/** go-yaml escapes what is beyond the basic plane. */
function quoteAstral(text: string): string {
  return quoteText(text).replace(
    /[\u{10000}-\u{10ffff}]/gu,
    (char) => `\\U${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(8, '0')}`,
  );
}

function writeLiteral(text: string, indent: string): string {
  const chomping = text.endsWith('\n\n') ? '+' : text.endsWith('\n') ? '' : '-';
  const lines = text.replace(/\n$/, '').split('\n');
  const inner = indent === '' ? '  ' : indent;
  return `|${chomping}\n${lines.map((line) => (line === '' ? '' : inner + line)).join('\n')}`;
}

/** Whether a string means itself without quotes. */
function isPlain(text: string): boolean {
  return !/^[ #,[\]{}&*!|>'"%@`]|^[-?:](?: |$)|^(?:---|\.\.\.)(?: |$)/.test(text) && !/ $|: |:$| #/.test(text);
}

/** go-yaml's order of keys: letters by code, runs of digits by value. */
function compareKeys(a: string, b: string): number {
  const charsA = Array.from(a);
  const charsB = Array.from(b);
  let afterDigit = false;
  for (let index = 0; index < Math.min(charsA.length, charsB.length); index++) {
    const left = charsA[index] ?? '';
    const right = charsB[index] ?? '';
    if (left === right) {
      afterDigit = /\p{Nd}/u.test(left);
      continue;
    }
    const isLetterA = /\p{L}/u.test(left);
    const isLetterB = /\p{L}/u.test(right);
    if (isLetterA && isLetterB) return left < right ? -1 : 1;
    if (isLetterA || isLetterB) return (afterDigit ? isLetterA : isLetterB) ? -1 : 1;
    const runA = digitRun(charsA, index);
    const runB = digitRun(charsB, index);
    const numberA = runA === '' ? 0n : BigInt(runA);
    const numberB = runB === '' ? 0n : BigInt(runB);
    if (numberA !== numberB) return numberA < numberB ? -1 : 1;
    if (runA.length !== runB.length) return runA.length - runB.length;
    return left < right ? -1 : 1;
  }
  return charsA.length - charsB.length;
}

function digitRun(chars: readonly string[], start: number): string {
  return /^\d*/.exec(chars.slice(start).join(''))?.[0] ?? '';
}
