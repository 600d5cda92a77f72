import type { Log } from '@edict/protocol';

/** What the operator logs to: constant messages, and fields that are named once for all. A winston logger is one. */
export interface OperatorLog extends Log {
  readonly error: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly debug: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}
