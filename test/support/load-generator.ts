import { Agent, request, type ClientRequest } from 'node:http';
import { epochMs } from './cluster-client.ts';
import { describeThrown } from './wait-for.ts';

/** Where decisions are asked for. */
export interface LoadTarget {
  /** Appears in the answers; a pod's name, or `service`. */
  readonly name: string;
  /** `http://address:port` */
  readonly url: string;
  /** False opens a connection per request, so that a Service spreads them. True by default. */
  readonly keepAlive?: boolean;
}

/** One question and what came of it. */
export interface Answer {
  readonly target: string;
  /** Milliseconds since the epoch, with fractions. */
  readonly sentAt: number;
  readonly receivedAt: number;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** From the headers `Policy-Set`, `Policy-Revision`, `Policy-Digest`. */
  readonly set?: string;
  readonly revision?: number;
  readonly digest?: string;
  /** The decision; absent where the answer is none. */
  readonly allow?: boolean;
  /** Why there was no answer, or the body of one that is no decision. */
  readonly problem?: string;
  /** The question, as given. */
  readonly porc: object;
}

/** A steady stream of questions. */
export interface Load {
  /** Every answer so far, in the order of arrival; it grows. */
  readonly answers: readonly Answer[];
  /** Replaces the targets, for pods that come and go. */
  readonly setTargets: (targets: readonly LoadTarget[]) => void;
  /** Asks no more, waits for the answers that are due, and resolves with all of them. */
  readonly stop: () => Promise<readonly Answer[]>;
}

/** A PDP that takes longer than this to answer has failed to. */
const ANSWER_TIMEOUT_MS = 10_000;
/**
 * That time is counted in so many parts, and one that lasts too long counts once: while whoever asks stands still, be it alone
 * or with the whole machine, no PDP is late.
 */
const TIMEOUT_PARTS = 10;

/** Asks one question and resolves with what came of it, at the latest after `timeoutMs` of waiting; never rejects. */
export function ask(
  target: LoadTarget,
  porc: object,
  agent?: Agent,
  timeoutMs: number = ANSWER_TIMEOUT_MS,
): Promise<Answer> {
  const body = JSON.stringify(porc);
  const sentAt = epochMs();
  return new Promise((resolve) => {
    let parts = 0;
    const waiting = setInterval(() => {
      parts += 1;
      if (parts === TIMEOUT_PARTS) call.destroy(new Error(`no answer in ${timeoutMs} ms`));
    }, timeoutMs / TIMEOUT_PARTS);
    const settle = (outcome: Pick<Answer, 'status'> & Partial<Answer>): void => {
      clearInterval(waiting);
      resolve({ target: target.name, sentAt, receivedAt: epochMs(), ...outcome, porc });
    };
    const failed = (thrown: unknown): void => {
      settle({ status: 0, problem: `${describeThrown(thrown)} (${connectionOf(call)})` });
    };
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const call = request(`${target.url}/decision`, { method: 'POST', headers, agent: agent ?? false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('error', failed).on('end', () => {
        const header = (name: string): string | undefined => {
          const value = response.headers[name];
          return typeof value === 'string' ? value : undefined;
        };
        const status = response.statusCode ?? 0;
        const revision = header('policy-revision');
        const set = header('policy-set');
        const digest = header('policy-digest');
        settle({
          status,
          ...(set === undefined ? {} : { set }),
          ...(revision === undefined ? {} : { revision: Number(revision) }),
          ...(digest === undefined ? {} : { digest }),
          ...decisionOf(status, text),
        });
      });
    });
    call.on('error', failed).end(body);
  });
}

/**
 * Asks every target `ratePerSecond` times a second, whether or not earlier questions have been answered, and records each
 * answer. `porc` makes the next question.
 */
export function startLoad(targets: readonly LoadTarget[], ratePerSecond: number, porc: () => object): Load {
  const answers: Answer[] = [];
  const open = new Set<Promise<void>>();
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  let current = targets;
  const timer = setInterval(() => {
    for (const target of current) {
      const answered = ask(target, porc(), target.keepAlive === false ? undefined : agent).then((answer) => {
        answers.push(answer);
        open.delete(answered);
      });
      open.add(answered);
    }
  }, 1000 / ratePerSecond);
  // A test that fails before it stops its load must not keep the process alive by it.
  timer.unref();
  return {
    answers,
    setTargets: (next) => {
      current = next;
    },
    stop: async () => {
      clearInterval(timer);
      await Promise.all(open);
      agent.destroy();
      return answers;
    },
  };
}

/** Answers that are no decision of a named revision, a line for each: when, of whom, and what came instead. */
export function failuresOf(answers: readonly Answer[]): readonly string[] {
  return answers
    .filter(({ status, allow, revision }) => status !== 200 || allow === undefined || revision === undefined)
    .map(({ target, sentAt, receivedAt, status, problem = 'no revision is named' }) => {
      const sent = new Date(sentAt).toISOString();
      return `${sent} ${target}: ${status} after ${(receivedAt - sentAt).toFixed(1)} ms: ${problem}`;
    });
}

/** On what a request without an answer was sent: which side lost it, and in what state, is told by little else. */
function connectionOf({ reusedSocket, socket }: ClientRequest): string {
  if (socket === null) return 'no connection';
  const kind = `${reusedSocket ? 'kept' : 'new'} connection`;
  const from = socket.localPort === undefined ? '' : ` from port ${socket.localPort}`;
  return `${kind}${from}, ${socket.connecting ? 'not established' : `${socket.bytesRead} bytes read`}`;
}

function decisionOf(status: number, text: string): { readonly allow?: boolean; readonly problem?: string } {
  try {
    const { allow } = JSON.parse(text) as { readonly allow?: unknown };
    if (status === 200 && typeof allow === 'boolean') return { allow };
  } catch {
    // Not JSON: the text itself says what it is.
  }
  return { problem: text.slice(0, 500) };
}
