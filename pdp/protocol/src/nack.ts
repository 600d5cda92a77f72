import { NACK_MESSAGE_MAX_BYTES, NACK_MRN_MAX_BYTES } from './limits.ts';
import type { Nack, NackDetail } from './messages.ts';

/** `text` cut to at most `maxBytes` of UTF-8, never inside a character. */
export function clampUtf8(text: string, maxBytes: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return new TextDecoder().decode(bytes.subarray(0, end));
}

/** `detail` within the bounds of the wire: compilers may explain at length. */
export function clampDetail(detail: NackDetail): NackDetail {
  return {
    ...detail,
    message: clampUtf8(detail.message, NACK_MESSAGE_MAX_BYTES),
    ...(detail.mrn === undefined ? {} : { mrn: clampUtf8(detail.mrn, NACK_MRN_MAX_BYTES) }),
    ...(detail.domain === undefined ? {} : { domain: clampUtf8(detail.domain, NACK_MRN_MAX_BYTES) }),
  };
}

/**
 * True if a refusal for good is about the content, whichever revision brings it. A signature that is wrong, say, is about the
 * one revision: the same content may come back properly signed.
 */
export function isAboutContent({ phase, code }: Pick<Nack, 'phase' | 'code'>): boolean {
  return phase === 'Compile' || phase === 'Test' || code === 'EngineTooOld';
}

/** One line for a person: phase, code, place, message. */
export function describeNack(nack: Pick<Nack, 'phase' | 'code' | 'detail'>): string {
  const { domain, mrn, line, column, message } = nack.detail;
  const position = line === undefined ? '' : column === undefined ? `:${line}` : `:${line}:${column}`;
  const place = [domain, mrn].filter((part) => part !== undefined && part !== '').join(' ');
  return `${nack.phase} ${nack.code}${place === '' ? '' : ` in ${place}`}${position}: ${message}`;
}
