import { InvalidArgumentError, Option } from 'commander';
import { durationMs } from '@edict/crds';
import { messageOf } from './io.ts';

/** `-o`, as every command has it. */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'form of the output').choices(['text', 'json']).default('text');
}

/** `-o` of the commands that ask a running Edict, as kubectl has it. */
export function fleetOutputOption(): Option {
  return new Option('-o, --output <format>', 'form of the output').choices(['text', 'json', 'yaml']).default('text');
}

/** `-o` where the reference engine's command takes a file by it. */
export function outputOptionNotFile(): Option {
  const formats = ['text', 'json'];
  const option = outputOption();
  return option.argParser((value: string) => {
    if (!formats.includes(value)) {
      throw new InvalidArgumentError('Allowed choices are text, json. To name the file to write use --output-file.');
    }
    return value;
  });
}

/** Repeated and comma-separated values add up. */
export function list(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), ...value.split(',').filter((part) => part !== '')];
}

/** Repeated values add up; commas are part of them. */
export function listOf(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** Milliseconds of a duration such as `90s`. */
export function duration(value: string): number {
  const ms = durationMs(value);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('It is a duration such as 90s or 5m.');
  return ms;
}

/** {@link duration}; `0` stands for as long as it takes. */
export function durationOrNone(value: string): number {
  return /^0(ms|s|m|h)?$/.test(value) ? Number.POSITIVE_INFINITY : duration(value);
}

/** A regular expression. */
export function regularExpression(value: string): RegExp {
  try {
    return new RegExp(value, 'u');
  } catch (error) {
    throw new InvalidArgumentError(`It is a regular expression: ${messageOf(error)}.`);
  }
}

/** A URL that can be asked over HTTP. */
export function httpUrl(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new InvalidArgumentError('It is a URL such as http://127.0.0.1:8181.');
  }
  return value;
}

/** A port; 0 stands for any free one. */
export const port = (value: string): number => wholeNumber(value, 0, 65_535, 'a port');
/** How many PDPs one process runs. */
export const pdpCount = (value: string): number => wholeNumber(value, 1, 50, 'a number');
/** The number of a revision. */
export const revisionNumber = (value: string): number => wholeNumber(value, 1, 999_999_999, 'a revision');

/** A wave, as people count: from 1. */
export const waveNumber = (value: string): number => wholeNumber(value, 1, 64, 'a wave');
/** How many of something: at least one. */
export const positiveCount = (value: string): number => wholeNumber(value, 1, 999_999_999, 'a number');
/** A share in percent. */
export function percent(value: string): number {
  const parsed = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
  if (!(parsed >= 0 && parsed <= 100)) throw new InvalidArgumentError('It is a number from 0 to 100.');
  return parsed;
}

function wholeNumber(value: string, least: number, most: number, what: string): number {
  const parsed = /^[0-9]{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(parsed) || parsed < least || parsed > most) {
    throw new InvalidArgumentError(`It is ${what} from ${least} to ${most}.`);
  }
  return parsed;
}
