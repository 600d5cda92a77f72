import { durationMs, type PrometheusQuery } from '@edict/crds';
import type { ExternalVerdict } from '@edict/protocol';

/** What a query says about a wave. */
export interface QueryVerdict {
  readonly verdict: ExternalVerdict;
  readonly message: string;
}

/** Longest answer that is read. */
export const ANSWER_MAX_BYTES = 1_048_576;

/**
 * Asks a Prometheus once (`GET /api/v1/query`) and compares every number that it gives. An answer that does not come, that
 * is no answer or that holds no number is `Unknown`, or `Pass` where the query says so. Never rejects.
 */
export async function queryPrometheus(query: PrometheusQuery, signal: AbortSignal): Promise<QueryVerdict> {
  let numbers: readonly number[] | string;
  try {
    numbers = await ask(query, signal);
  } catch (error) {
    numbers = `Prometheus is away: ${messageOf(error)}`;
  }
  if (typeof numbers !== 'string') return compare(query, numbers);
  if (query.onUnavailable === 'Pause') return { verdict: 'Unknown', message: numbers };
  return { verdict: 'Pass', message: `${numbers}; onUnavailable is Pass` };
}

function compare({ min, max, query }: PrometheusQuery, numbers: readonly number[]): QueryVerdict {
  const bad = numbers.find((value) => (max !== undefined && value > max) || (min !== undefined && value < min));
  const limits = [...(min === undefined ? [] : [`at least ${min}`]), ...(max === undefined ? [] : [`at most ${max}`])];
  const message = `${query} is ${bad ?? numbers.join(', ').slice(0, 256)}, ${limits.join(' and ')} is allowed`;
  return { verdict: bad === undefined ? 'Pass' : 'Fail', message: message.slice(0, 2048) };
}

/** The numbers, or why there are none. */
async function ask(query: PrometheusQuery, signal: AbortSignal): Promise<readonly number[] | string> {
  const url = new URL(`${query.url.replace(/\/+$/, '')}/api/v1/query`);
  url.searchParams.set('query', query.query);
  const timeoutMs = durationMs(query.timeout);
  url.searchParams.set('timeout', `${timeoutMs}ms`);
  const response = await fetch(url, {
    redirect: 'error',
    headers: { accept: 'application/json' },
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  const body = await readBounded(response);
  if (!response.ok) return `Prometheus answered ${response.status}: ${body.slice(0, 256)}`;
  const numbers = numbersOf(JSON.parse(body));
  if (numbers === undefined) return 'Prometheus answered with something else than numbers';
  if (numbers.length === 0) return 'the query finds nothing';
  return numbers.some((value) => Number.isNaN(value)) ? 'the query gives NaN' : numbers;
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    const bytes = chunk as Uint8Array;
    size += bytes.length;
    if (size > ANSWER_MAX_BYTES) throw new Error(`the answer is longer than ${ANSWER_MAX_BYTES} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Values of an instant vector or a scalar; undefined for anything else. */
function numbersOf(answer: unknown): readonly number[] | undefined {
  const data = memberOf(answer, 'data');
  if (memberOf(answer, 'status') !== 'success') return undefined;
  const result = memberOf(data, 'result');
  switch (memberOf(data, 'resultType')) {
    case 'scalar':
      return [numberOf(result)];
    case 'vector':
      return Array.isArray(result) ? result.map((sample: unknown) => numberOf(memberOf(sample, 'value'))) : undefined;
    default:
      return undefined;
  }
}

/** A pair of time and text, as Prometheus gives it. */
function numberOf(pair: unknown): number {
  const text: unknown = Array.isArray(pair) ? pair[1] : undefined;
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return typeof text === 'string' && text !== '' ? Number(text) : Number.NaN;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

function messageOf(error: unknown): string {
  const message = memberOf(error, 'message');
  const cause = memberOf(memberOf(error, 'cause'), 'message');
  return [message, cause].filter((text) => typeof text === 'string').join(': ');
}
