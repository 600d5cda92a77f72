import { readFileSync } from 'node:fs';
import { messageOf } from '@edict/protocol';
import { load } from 'js-yaml';
import { AuditSettings } from './audit-settings.ts';

/** The audit file cannot be used; the message names it, and every problem with its place. */
export class AuditFileError extends Error {
  override readonly name = 'AuditFileError';
  readonly code = 'InvalidAuditFile';
}

/**
 * Reads settings of audit from a file of YAML or JSON.
 * @throws AuditFileError
 */
export function readAuditFile(path: string): AuditSettings {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new AuditFileError(`the audit file cannot be read: ${messageOf(error)}`);
  }
  return parseAuditSettings(text, path);
}

/**
 * {@link readAuditFile} of a text.
 * @throws AuditFileError
 */
export function parseAuditSettings(text: string, name: string): AuditSettings {
  let document: unknown;
  try {
    document = load(text, { filename: name });
  } catch (error) {
    throw new AuditFileError(`the audit file is no YAML: ${messageOf(error)}`);
  }
  const parsed = AuditSettings.safeParse(document);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path, message }) => `  ${placeOf(path)}: ${message}`);
  throw new AuditFileError(`invalid audit file ${name}:\n${lines.join('\n')}`);
}

/** `sinks[0].queue.maxBytes` */
function placeOf(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text === '' ? '(the document)' : text.replace(/^\./, '');
}
