import { AUDIT_FOLDER, AUDIT_ROTATION, type FileSource, type FleetAudit } from '@edict/crds';
import { FILES_FOLDER, settings, together, type FleetPart, type MountedFile, type NamedVolume } from './fleet-part.ts';

/** Beside what journals and files may have: records that receivers refused, and folders. */
const SPARE_BYTES = 268_435_456;
const MIB = 1_048_576;

/** `audit` as settings of the PDPs: the document of docs/audit.md, with mounted files in the place of Secrets. */
export function auditPart(audit: FleetAudit | undefined): FleetPart {
  if (audit === undefined) return together([]);
  const files: MountedFile[] = [];
  const mounted = (from: FileSource | undefined, path: string): string | undefined => {
    if (from === undefined) return undefined;
    files.push({ from, path });
    return `${FILES_FOLDER}/${path}`;
  };
  const { sinks, hashKeyFrom, ...rest } = audit;
  const document = {
    ...rest,
    hashKeyFile: mounted(hashKeyFrom, 'audit/hash-key'),
    sinks: sinks.map(({ tokenFrom, caFrom, ...sink }) => ({
      ...sink,
      tokenFile: mounted(tokenFrom, `audit/${sink.name}/token`),
      caFile: mounted(caFrom, `audit/${sink.name}/ca.crt`),
    })),
  };
  return { ...settings({ EDICT_PDP_AUDIT_SETTINGS: JSON.stringify(document) }), files };
}

/**
 * The volume of journals and files of records, as large as they may become together; none where there are none. A volume that
 * outgrows its limit costs the pod, so it is apart from that of the policy.
 */
export function auditVolume(audit: FleetAudit | undefined, workers: number): NamedVolume | undefined {
  const needed = (audit?.sinks ?? []).map(bytesOfSink);
  if (needed.every((bytes) => bytes === undefined)) return undefined;
  // Each worker writes journals and files of its own.
  const bytes = needed.reduce<number>((sum, each = 0) => sum + each * workers, SPARE_BYTES);
  return { name: 'audit', emptyDir: { sizeLimit: `${Math.ceil(bytes / MIB)}Mi` } };
}

function bytesOfSink({ path, rotate, journal, deadLetterFile }: FleetAudit['sinks'][number]): number | undefined {
  const isOurs = (file: string | undefined): boolean => file?.startsWith(`${AUDIT_FOLDER}/`) === true;
  if (journal === undefined && !isOurs(path) && !isOurs(deadLetterFile)) return undefined;
  const { maxBytes = AUDIT_ROTATION.maxBytes, keep = AUDIT_ROTATION.keep } = rotate ?? {};
  return (journal?.maxBytes ?? 0) + (isOurs(path) ? maxBytes * (keep + 1) : 0);
}
