import { request } from 'node:https';
import { MANETU_GROUP } from '@edict/crds';
import type { Clock } from '../clock.ts';
import type { OperatorLog } from '../observability/log.ts';
import { CONVERSION_PATH } from './conversion-server.ts';

export interface ConversionProbeOptions {
  /** Where the apiserver calls the webhook, by the name in its certificate. */
  readonly host: string;
  readonly port: number;
  /** Authorities that the apiserver trusts it by, PEM. */
  readonly trustBundle: () => string;
  readonly clock: Clock;
  readonly log: OperatorLog;
  /** Told after every call. */
  readonly onResult: (isUp: boolean) => void;
}

/** How often the webhook is called. */
const PROBE_MS = 15_000;
/** A call that takes longer counts as none. */
const PROBE_TIMEOUT_MS = 5_000;
/** An answer is a few hundred bytes. */
const ANSWER_MAX_BYTES = 65_536;

const QUESTION = JSON.stringify({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'ConversionReview',
  request: {
    uid: 'probe',
    desiredAPIVersion: `${MANETU_GROUP}/v1beta1`,
    objects: [{ apiVersion: `${MANETU_GROUP}/v1alpha4`, kind: 'PolicyDomain', metadata: { name: 'probe' }, spec: {} }],
  },
});

/** Calls the conversion webhook again and again as the apiserver does, and says whether it converts; returns what stops it. */
export function probeConversion(options: ConversionProbeOptions): () => void {
  let cancel: () => void = () => undefined;
  let isStopped = false;
  let wasUp: boolean | undefined;
  const tell = (isUp: boolean, error?: unknown): void => {
    if (isStopped) return;
    if (!isUp && wasUp !== false) {
      options.log.warn('the conversion webhook does not answer: PolicyDomains of Manetu can be used as v1beta1 only', {
        host: options.host,
        error: String(error),
      });
    } else if (isUp && wasUp !== true) options.log.info('the conversion webhook answers', { host: options.host });
    wasUp = isUp;
    options.onResult(isUp);
    cancel = options.clock.schedule(PROBE_MS, look);
  };
  const look = (): void => {
    ask(options).then(
      () => tell(true),
      (error: unknown) => tell(false, error),
    );
  };
  look();
  return () => {
    isStopped = true;
    cancel();
  };
}

/** Resolves if the webhook converts; rejects with why not. */
async function ask({ host, port, trustBundle }: ConversionProbeOptions): Promise<void> {
  const text = await new Promise<string>((resolve, reject) => {
    const call = request(
      {
        host,
        port,
        path: CONVERSION_PATH,
        method: 'POST',
        ca: trustBundle(),
        agent: false,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(QUESTION) },
        signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
      },
      (response) => {
        let answer = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          answer += part;
          if (answer.length > ANSWER_MAX_BYTES) call.destroy(new Error('the answer is too long'));
        });
        response.on('error', reject);
        response.on('end', () =>
          response.statusCode === 200
            ? resolve(answer)
            : reject(new Error(`it answers ${String(response.statusCode)}: ${answer}`)),
        );
      },
    );
    call.on('error', reject);
    call.end(QUESTION);
  });
  if (!text.includes('"status":"Success"')) throw new Error(`it answers ${text}`);
}
