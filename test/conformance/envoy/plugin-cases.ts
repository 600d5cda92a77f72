import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { JsonValue } from '@bufbuild/protobuf';
import type { CallResult, GrpcClient } from '../../support/envoy-client.ts';
import type { Report } from '../report.ts';

interface PluginCase {
  readonly case: string;
  readonly request: JsonValue;
  readonly response?: Response;
  readonly grpc_error?: string;
}

interface Entry {
  readonly header: { readonly key: string; readonly value?: string };
}

interface Response {
  readonly status: JsonValue;
  readonly okResponse?: { readonly headers?: readonly Entry[] };
  readonly dynamicMetadata?: Readonly<Record<string, unknown>>;
}

/** A set that answers in the way that is safer, and one that answers as the plugin does. */
const SAFE = { 'policy-set': 'conformance/safe' };
const AS_PLUGIN = { 'policy-set': 'conformance/plugin' };

const UNKNOWN = 2;

/**
 * Runs what was recorded of the OPA-Envoy plugin. Where the plugin fails over a result that it cannot read, each case runs twice:
 * with `unreadable: Error` the call fails as the plugin's; by default it is a deny, for Envoy's `failure_mode_allow` would make
 * of the failure that a request passes although the policy said no. Dynamic metadata names the revision besides.
 */
export async function runPluginCases(path: string, client: GrpcClient, filter: string, report: Report): Promise<void> {
  for (const one of JSON.parse(readFileSync(path, 'utf8')) as readonly PluginCase[]) {
    const id = `plugin ${one.case}`;
    if (!id.includes(filter)) continue;
    const safe = await client.check(one.request, SAFE);
    if (one.grpc_error === undefined) {
      report(id, responseDifferences(safe, one.response));
      continue;
    }
    report(id, deniedDifferences(safe));
    const failed = await client.check(one.request, AS_PLUGIN);
    const asPlugin = !failed.ok && failed.code === UNKNOWN;
    report(`${id}, as the plugin fails`, asPlugin ? [] : [`no gRPC error UNKNOWN: ${JSON.stringify(failed)}`]);
  }
}

function responseDifferences(result: CallResult, expected: Response | undefined): readonly string[] {
  if (!result.ok) return [`gRPC error ${result.code}: ${result.details}`];
  const ours = comparable(result.response as unknown as Response);
  const theirs = comparable(expected);
  const found = namesRevision(result) ? [] : ['dynamic metadata does not name the revision'];
  if (isDeepStrictEqual(ours, theirs)) return found;
  return [...found, `answered ${JSON.stringify(ours)}, expected ${JSON.stringify(theirs)}`];
}

/** Ids differ from run to run; headers of an object come in any order, those of one name in theirs. */
function comparable(response: Response | undefined): unknown {
  if (response === undefined) return undefined;
  const { okResponse, dynamicMetadata, ...rest } = response;
  const { edict: _edict, decision_id: id, ...metadata } = dynamicMetadata ?? {};
  const headers = okResponse?.headers?.toSorted((a, b) =>
    a.header.key < b.header.key ? -1 : a.header.key > b.header.key ? 1 : 0,
  );
  return {
    ...rest,
    ...(okResponse === undefined
      ? {}
      : { okResponse: { ...okResponse, ...(headers === undefined ? {} : { headers }) } }),
    metadata,
    hasDecisionId: typeof id === 'string',
  };
}

/** Whether it is a deny that says that no policy decided. */
function deniedDifferences(result: CallResult): readonly string[] {
  const { status, deniedResponse, dynamicMetadata } = (result.ok ? result.response : {}) as {
    readonly status?: { readonly code?: number };
    readonly deniedResponse?: { readonly status?: { readonly code?: string } };
    readonly dynamicMetadata?: { readonly edict?: { readonly problem?: string } };
  };
  const isDenied = status?.code === 7 && deniedResponse?.status?.code === 'Forbidden';
  return isDenied && dynamicMetadata?.edict?.problem !== undefined
    ? []
    : [`no deny with a problem: ${JSON.stringify(result)}`];
}

function namesRevision(result: CallResult): boolean {
  const { dynamicMetadata } = (result.ok ? result.response : {}) as {
    readonly dynamicMetadata?: { readonly edict?: { readonly set?: string; readonly revision?: number } };
  };
  return dynamicMetadata?.edict?.set === 'conformance/safe' && dynamicMetadata.edict.revision === 1;
}
