import { ABORT_REASONS, type AbortCause, type AbortReason } from '@edict/protocol';

/** The text of a cause in `status.cause`: `Nack: what the PDP said`. The inverse of {@link parseCause}. */
export function formatCause({ reason, message }: AbortCause): string {
  return `${reason}: ${message}`.slice(0, 2048);
}

/** The cause behind a `status.cause`; a text of another form counts as the user's. */
export function parseCause(text: string | undefined): AbortCause {
  const [, word, message] = /^([A-Za-z]+): (.*)$/s.exec(text ?? '') ?? [];
  const reason = ABORT_REASONS.find((known) => known === word);
  return reason === undefined ? { reason: 'User', message: text ?? '' } : { reason, message: message ?? '' };
}

/** Causes after which the same content is not tried again by itself. */
export function isFailure(reason: AbortReason): boolean {
  return reason !== 'Superseded';
}

/** Causes that are the content's own fault: three in ten minutes stop a set. */
export function isContentFailure(reason: AbortReason): boolean {
  return isFailure(reason) && reason !== 'User';
}
