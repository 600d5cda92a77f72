import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** The API server's own record of who wrote what. */
export interface AuditLog {
  /** Flags that make the API server keep it. */
  readonly flags: readonly string[];
  /** The writes of one user that were answered between two moments, milliseconds since the epoch. */
  readonly writes: (user: string, from: number, to: number) => Promise<readonly AuditedWrite[]>;
}

/** One write, as the API server saw it. */
export interface AuditedWrite {
  /** `verb resource/subresource`, such as `update policyrevisions/status`. */
  readonly what: string;
  readonly at: number;
}

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string };
  readonly stageTimestamp: string;
}

/** Questions that are asked by POST and store nothing. */
const NOT_STORED: ReadonlySet<string> = new Set(['tokenreviews', 'subjectaccessreviews']);

/** An audit log in `directory` of everything that changes objects. */
export async function createAuditLog(directory: string): Promise<AuditLog> {
  const policy = path.join(directory, 'audit-policy.json');
  const log = path.join(directory, 'audit.log');
  await writeFile(
    policy,
    JSON.stringify({
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: ['RequestReceived'],
      rules: [
        { level: 'Metadata', verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'] },
        { level: 'None' },
      ],
    }),
  );
  await writeFile(log, '');
  return {
    flags: [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`, '--audit-log-maxsize=1000'],
    writes: async (user, from, to) => {
      const lines = (await readFile(log, 'utf8')).split('\n').filter((line) => line.endsWith('}'));
      return lines
        .map((line) => JSON.parse(line) as AuditEvent)
        .filter(({ user: { username }, objectRef }) => {
          return username === user && !NOT_STORED.has(objectRef?.resource ?? '');
        })
        .map(({ verb, objectRef: { resource = '', subresource } = {}, stageTimestamp }) => ({
          what: `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`,
          at: Date.parse(stageTimestamp),
        }))
        .filter(({ at }) => at >= from && at < to);
    },
  };
}

/** `3 update policysets/status, 1 create policybundles`: most frequent first. */
export function describeWrites(writes: readonly AuditedWrite[]): string {
  const counts = new Map<string, number>();
  for (const { what } of writes) counts.set(what, (counts.get(what) ?? 0) + 1);
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');
}
