import { z } from 'zod';
import { ACTIONS, PDP_STATES, type ActionBody } from '../wire.ts';
import { ProblemError } from './problem.ts';

/** Items of one page. */
export const PAGE_DEFAULT = 100;
export const PAGE_MAX = 500;
/** Longest body, bytes. */
export const BODY_MAX_BYTES = 16_384;

const Count = z.coerce.number().int().min(1).max(999_999_999);
const Text = z.string().max(253);
const Limit = z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT);
const Continue = z.string().max(1024).optional();

/** The queries of the routes. Members that a route does not know are refused: a misspelt filter must not show everything. */
export const Queries = {
  none: z.strictObject({}),
  sets: z.strictObject({ namespace: Text.min(1).optional() }),
  revisions: z.strictObject({ limit: Limit, continue: Continue }),
  diff: z.strictObject({ from: Count.optional(), to: Count.optional() }),
  pdps: z.strictObject({
    state: z.enum(PDP_STATES).optional(),
    q: Text.optional(),
    limit: Limit,
    continue: Continue,
  }),
  events: z.strictObject({ namespace: Text.min(1).optional(), set: Text.min(1).optional() }),
} as const;

const Body = z.strictObject({
  revision: z.int().min(1).optional(),
  wave: z.int().min(0).max(63).optional(),
  reason: z.string().trim().min(1).max(512).optional(),
  now: z.boolean().optional(),
  toRevision: z.int().min(1).optional(),
  clear: z.boolean().optional(),
});

/** What an action asks for. @throws ProblemError */
export function readActionBody(contentType: string | undefined, body: string): ActionBody {
  if (!/^application\/json\s*(;|$)/i.test(contentType ?? '')) {
    throw new ProblemError('unsupported-media-type', 'send the body as application/json');
  }
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (cause) {
    throw new ProblemError('invalid-request', 'the body is not JSON', { cause });
  }
  return checked(Body, json, 'the body');
}

/** The name of an action. @throws ProblemError */
export function readAction(text: string): (typeof ACTIONS)[number] {
  const action = ACTIONS.find((known) => known === text);
  if (action === undefined) throw new ProblemError('not-found', `no action ${text}; there are: ${ACTIONS.join(', ')}`);
  return action;
}

/** A query by its schema. @throws ProblemError */
export function readQuery<S extends z.ZodType>(schema: S, query: URLSearchParams): z.output<S> {
  const members = [...query.keys()];
  if (new Set(members).size < members.length) throw new ProblemError('invalid-request', 'a parameter is given twice');
  return checked(schema, Object.fromEntries(query), 'the query');
}

function checked<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? what : issue.path.join('.');
  throw new ProblemError('invalid-request', `${place}: ${issue?.message ?? 'is wrong'}`);
}

/** Where a page ended, for the next one: opaque to the client. */
export function pageMark(parts: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** What {@link pageMark} made. @throws ProblemError */
export function readPageMark(mark: string): readonly (string | number)[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(mark, 'base64url').toString());
    if (Array.isArray(parts) && parts.every((part) => typeof part === 'string' || typeof part === 'number'))
      return parts;
  } catch {
    // Not ours: said below.
  }
  throw new ProblemError('invalid-request', 'continue: is not what a page said');
}
