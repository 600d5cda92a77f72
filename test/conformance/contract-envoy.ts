import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { JsonValue } from '@bufbuild/protobuf';
import { Serving } from '@edict/crds';
import {
  ActiveSets,
  createDecisionCore,
  createGrpcEdge,
  createMetrics,
  lineSink,
  type GrpcServer,
} from '@edict/server';
import { GrpcClient, type CallResult } from '../support/envoy-client.ts';
import { differences, type PrintedRecord } from './porc-compare.ts';
import type { Expectation } from './porc-cases.ts';
import { CaseEngines } from './porc-engine.ts';
import type { Report } from './report.ts';

interface EnvoyCase {
  readonly id: string;
  readonly domains: readonly string[];
  readonly checkRequest: JsonValue;
  readonly repeat?: number;
  readonly expect: {
    readonly grpcCode?: string;
    readonly response?: Response;
    readonly responses?: readonly { readonly grpcCode: string }[];
    /** False: the reference's process had ended. */
    readonly alive: boolean;
    readonly record?: Expectation;
  };
}

interface HeaderOption {
  readonly header: { readonly key: string; readonly value: string };
}

interface Response {
  readonly status: JsonValue;
  readonly okResponse?: { readonly headers?: readonly HeaderOption[] };
  readonly deniedResponse?: { readonly headers?: readonly HeaderOption[] };
}

/**
 * It would send the client's every header, and what other filters know of it, to the upstream, and on a deny back to the
 * client: nobody who decides needs that.
 */
const ECHO_HEADER = 'x-ext-authz-check-received';

const UNKNOWN = 2;

/**
 * Runs the reference engine's Envoy contract (`contract/envoy.jsonl` of `dir`) against the PDP's real gRPC server and decision
 * core, by a gRPC client: those cases whose id contains `filter`. Compares the CheckResponse and the access record. We mean to
 * differ in this: the echo of the attributes is not sent ({@link ECHO_HEADER}); dynamic metadata names decision and revision
 * besides; and where the reference's process ends or crashes over a mapper, the answer is a deny and the next request is
 * answered too.
 */
export async function runEnvoyCases(dir: string, filter: string, report: Report): Promise<void> {
  const engines = new CaseEngines(dir);
  for (const line of readFileSync(join(dir, 'contract', 'envoy.jsonl'), 'utf8')
    .trim()
    .split('\n')) {
    const one = JSON.parse(line) as EnvoyCase;
    if (one.id.includes(filter)) report(one.id, await runCase(one, engines));
  }
}

async function runCase(one: EnvoyCase, engines: CaseEngines): Promise<readonly string[]> {
  const records: string[] = [];
  const edge = await serve(one, engines, records);
  const client = new GrpcClient(addressOf(edge));
  try {
    const found: string[] = [];
    for (let turn = 0; turn < (one.repeat ?? 1); turn++) {
      const result = await client.check(requestOf(one.checkRequest));
      found.push(...differencesOf(one, result, turn));
    }
    const { record } = one.expect;
    if (record !== undefined) found.push(...recordDifferences(record, records));
    return found;
  } finally {
    client.close();
    await edge.drain(1_000);
  }
}

async function serve({ domains }: EnvoyCase, engines: CaseEngines, records: string[]): Promise<GrpcServer> {
  const sets = new ActiveSets();
  const metrics = createMetrics();
  const { snapshot } = engines.engineFor({ domains, args: [], env: {}, config: undefined });
  sets.swap({
    set: 'conformance/cases',
    setUid: 'cases',
    n: 1,
    digest: `sha256:${'0'.repeat(64)}`,
    snapshot: { ...snapshot, serving: Serving.parse({ envoy: {} }) },
    activatedAtMs: 0,
  });
  return await createGrpcEdge({
    listen: { host: '127.0.0.1', port: 0 },
    core: createDecisionCore({
      sets,
      metrics,
      audit: lineSink({ hasRoom: true, offer: (text) => records.push(text) > 0 }, 'Drop'),
    }),
    metrics,
    isReady: () => true,
    maxBatch: 1,
    onError: (error) => console.error(error),
  });
}

function addressOf({ address }: GrpcServer): string {
  if (typeof address === 'string') throw new Error('the server has no port');
  return `127.0.0.1:${address.port}`;
}

function requestOf(request: JsonValue): JsonValue {
  const { generated } = request as { readonly generated?: string };
  const [, length] = /^path of (\d+) characters$/.exec(generated ?? '') ?? [];
  if (length === undefined) return request;
  const path = `/${'x'.repeat(Number(length) - 1)}`;
  return { attributes: { request: { http: { method: 'GET', path, headers: { 'x-allow': '1' } } } } };
}

function differencesOf({ expect }: EnvoyCase, result: CallResult, turn: number): readonly string[] {
  const expected = expect.responses?.[turn];
  if (expected !== undefined && !expect.alive) {
    const code = result.ok ? statusCodeOf(result.response) : undefined;
    return code === 7 ? [] : [`no deny where the reference crashes: ${JSON.stringify(result)}`];
  }
  if (expected !== undefined) {
    return !result.ok && result.code === UNKNOWN ? [] : [`no gRPC error UNKNOWN: ${JSON.stringify(result)}`];
  }
  if (!result.ok) return [`gRPC error ${result.code}: ${result.details}`];
  const { dynamicMetadata, ...response } = result.response as {
    readonly dynamicMetadata?: { readonly edict?: unknown };
  };
  const found = dynamicMetadata?.edict === undefined ? ['dynamic metadata does not name the revision'] : [];
  const wanted = withoutEcho(expect.response);
  if (isDeepStrictEqual(response, wanted)) return found;
  return [...found, `answered ${JSON.stringify(response)}, expected ${JSON.stringify(wanted)}`];
}

function statusCodeOf(response: JsonValue): number | undefined {
  return (response as { readonly status?: { readonly code?: number } }).status?.code;
}

function withoutEcho(response: Response | undefined): unknown {
  if (response === undefined) return undefined;
  const { okResponse, deniedResponse, ...rest } = response;
  const without = (one: { readonly headers?: readonly HeaderOption[] }): object => ({
    ...one,
    headers: one.headers?.filter(({ header }) => header.key !== ECHO_HEADER),
  });
  return {
    ...rest,
    ...(okResponse === undefined ? {} : { okResponse: without(okResponse) }),
    ...(deniedResponse === undefined ? {} : { deniedResponse: without(deniedResponse) }),
  };
}

function recordDifferences(expected: Expectation, records: readonly string[]): readonly string[] {
  const [line, ...more] = records;
  if (line === undefined || more.length > 0) return [`${records.length} access records`];
  // Of one case, the largest, the PORC was not recorded.
  const unstable = expected.porc === undefined ? [...(expected.unstable ?? []), 'porc'] : expected.unstable;
  const comparable = unstable === undefined ? expected : { ...expected, unstable };
  return differences(comparable, JSON.parse(line) as PrintedRecord, true);
}
