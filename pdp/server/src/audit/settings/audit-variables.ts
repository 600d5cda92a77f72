import { parseAuditSettings, readAuditFile } from './read-audit-file.ts';
import { AuditSettings } from './audit-settings.ts';

/** What the environment says of audit: one sink, standard output, unless a file or its content names others. */
export interface AuditVariables {
  readonly EDICT_PDP_AUDIT_FILE: string;
  readonly EDICT_PDP_AUDIT_SETTINGS: string;
  readonly EDICT_PDP_AUDIT_FORMAT: 'AccessRecord' | 'DecisionLog';
  readonly EDICT_PDP_AUDIT_BUFFER_BYTES: number;
  readonly EDICT_PDP_AUDIT_ON_FULL: 'Block' | 'Spill' | 'Drop';
  readonly EDICT_PDP_AUDIT_MAX_WAIT_MS: number;
  readonly EDICT_PDP_AUDIT_WRITE_AHEAD: 'true' | 'false';
  readonly EDICT_PDP_AUDIT_JOURNAL_BYTES: number;
  readonly EDICT_PDP_AUDIT_JOURNAL_SYNC: 'Always' | 'Interval' | 'Never';
}

/**
 * The settings that the environment gives.
 * @throws AuditFileError
 */
export function auditSettingsOf(variables: AuditVariables): AuditSettings {
  if (variables.EDICT_PDP_AUDIT_FILE !== '') return readAuditFile(variables.EDICT_PDP_AUDIT_FILE);
  if (variables.EDICT_PDP_AUDIT_SETTINGS !== '') {
    return parseAuditSettings(variables.EDICT_PDP_AUDIT_SETTINGS, 'EDICT_PDP_AUDIT_SETTINGS');
  }
  const onFull = variables.EDICT_PDP_AUDIT_ON_FULL;
  const writeAhead = variables.EDICT_PDP_AUDIT_WRITE_AHEAD === 'true';
  const journal = {
    writeAhead,
    maxBytes: variables.EDICT_PDP_AUDIT_JOURNAL_BYTES,
    sync: variables.EDICT_PDP_AUDIT_JOURNAL_SYNC,
    // With records ahead of decisions the journal is the only queue there is; else it is there for what Spill says.
    onFull: writeAhead && onFull === 'Block' ? 'Block' : 'Drop',
  };
  return AuditSettings.parse({
    sinks: [
      {
        name: 'stdout',
        type: 'Stdout',
        format: variables.EDICT_PDP_AUDIT_FORMAT,
        queue: {
          maxBytes: variables.EDICT_PDP_AUDIT_BUFFER_BYTES,
          onFull,
          maxWaitMs: variables.EDICT_PDP_AUDIT_MAX_WAIT_MS,
        },
        ...(writeAhead || onFull === 'Spill' ? { journal } : {}),
      },
    ],
  });
}
