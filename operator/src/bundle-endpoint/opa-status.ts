import { parseOpaRevision } from '@edict/bundle';
import { z } from 'zod';

/** Bundles that one status may tell of. */
const BUNDLES_MAX = 64;

/** What is used of a status update of OPA. */
const StatusUpdate = z.looseObject({
  labels: z.record(z.string(), z.string()).default({}),
  bundles: z
    .record(z.string(), z.looseObject({ active_revision: z.string().default(''), code: z.string().default('') }))
    .default({}),
});

/** One set that an OPA serves. */
export interface OpaServing {
  /** `namespace/name`. */
  readonly set: string;
  readonly n: number;
  /** False where its last try to load a bundle failed: it goes on with what it has. */
  readonly healthy: boolean;
}

/** A report of one OPA. */
export interface OpaReport {
  /** What it calls itself: random at each start, unless its configuration says otherwise. */
  readonly id: string;
  readonly serving: readonly OpaServing[];
}

/** Reads the body of a `POST /status`; what is said of bundles from elsewhere is left out. Undefined if it is no status. */
export function readOpaStatus(body: string): OpaReport | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  const update = StatusUpdate.safeParse(parsed);
  const id = update.data?.labels['id'];
  if (!update.success || id === undefined || id === '' || id.length > 253) return undefined;
  const bundles = Object.values(update.data.bundles);
  if (bundles.length > BUNDLES_MAX) return undefined;
  const serving = bundles.flatMap(({ active_revision: text, code }) => {
    const revision = parseOpaRevision(text);
    return revision === undefined ? [] : [{ ...revision, healthy: code === '' }];
  });
  return { id, serving };
}
