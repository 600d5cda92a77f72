import { JsonWriter, type JsonPiece } from './json-writer.ts';
import type { AccessRecord, AccessReference, PolicyIdentity, RevisionIdentity } from './access-record.ts';

const writer = new JsonWriter();

/**
 * One access record as one line of JSON, without a line feed: keys sorted, `<`, `>` and `&` escaped, fields with default
 * values (empty texts, `false`, `POLICY_OUTCOME`, zero durations) left out, 64-bit integers as strings. Beyond the
 * reference engine's fields, `metadata` names `policySet`, `policyRevision` and `policyDigest`. The text is flat.
 */
export function renderAccessRecord(record: AccessRecord): string {
  writer.reset();
  writeWord('{"decision":"', record.decision);
  if (record.denyReason !== undefined) writeWord(',"denyReason":"', record.denyReason);
  writeDurations(record);
  if (record.grantReason !== undefined) writeWord(',"grantReason":"', record.grantReason);
  writeMetadata(record);
  if (record.operation !== '') writeText(',"operation":', record.operation);
  if (record.porc !== undefined) {
    writer.raw(',"porc":');
    writer.value(record.porc, 'double');
  }
  writePrincipal(record);
  if (record.references.length > 0) writeReferences(record.references);
  if (record.resource !== '') writeText(',"resource":', record.resource);
  writer.raw(record.systemOverride ? ',"systemOverride":true}' : '}');
  return writer.text();
}

/** A member whose value is one of the words of a type: what comes before it, its opening quote included. */
function writeWord(before: string, word: string): void {
  writer.raw(before);
  writer.raw(word);
  writer.raw('"');
}

function writeText(before: string, text: string): void {
  writer.raw(before);
  writer.string(text);
}

function writeNanoseconds(before: string, duration: number): void {
  writer.raw(before);
  writer.integer(Math.max(0, Math.round(duration)));
  writer.raw('"');
}

function writeDurations({ durationNs, phaseDurations }: AccessRecord): void {
  writeNanoseconds(',"duration":{"overall":"', durationNs);
  const { system, identity, resource, scope } = phaseDurations;
  let before = ',"phases":{';
  if (system !== undefined) before = writePhase(before, '"1":"', system);
  if (identity !== undefined) before = writePhase(before, '"2":"', identity);
  if (resource !== undefined) before = writePhase(before, '"3":"', resource);
  if (scope !== undefined) before = writePhase(before, '"4":"', scope);
  writer.raw(before === ',' ? '}}' : '}');
}

/** Says what comes before the next phase. */
function writePhase(before: string, name: string, duration: number): string {
  writer.raw(before);
  writeNanoseconds(name, duration);
  return ',';
}

function writeMetadata({ env, id, revision, timestampMs }: AccessRecord): void {
  writer.raw(',"metadata":{');
  if (env !== undefined) writer.copy(envPiece(env));
  if (id !== '') {
    writeText('"id":', id);
    writer.raw(',');
  }
  if (revision !== undefined) writer.copy(revisionPiece(revision));
  writeWord('"timestamp":"', recordTimestamp(timestampMs));
  writer.raw('}');
}

/** Writes a part of records once for each value that it tells of, by a writer of its own: a record is being written meanwhile. */
function writtenOnce<T extends object>(write: (to: JsonWriter, value: T) => void): (value: T) => JsonPiece {
  const pieces = new WeakMap<T, JsonPiece>();
  const to = new JsonWriter();
  return (value) => {
    let piece = pieces.get(value);
    if (piece === undefined) {
      to.reset();
      write(to, value);
      piece = to.piece();
      pieces.set(value, piece);
    }
    return piece;
  };
}

/** Ends with a comma, or is empty. */
const envPiece = writtenOnce<Readonly<Record<string, string>>>((to, env) => {
  if (Object.keys(env).length === 0) return;
  to.raw('"env":');
  to.value(env, 'double');
  to.raw(',');
});

/** Ends with a comma, or is empty. */
const revisionPiece = writtenOnce<RevisionIdentity>((to, { digest, revision, set }) => {
  for (const [before, value] of [
    ['"policyDigest":', digest],
    ['"policyRevision":', String(revision)],
    ['"policySet":', set],
  ] as const) {
    if (value === '') continue;
    to.raw(before);
    to.string(value);
    to.raw(',');
  }
});

const policyPiece = writtenOnce<PolicyIdentity>((to, { fingerprint, mrn }) => {
  if (fingerprint !== '') {
    to.raw('"fingerprint":');
    to.string(fingerprint);
  }
  if (mrn !== '') {
    to.raw(fingerprint === '' ? '"mrn":' : ',"mrn":');
    to.string(mrn);
  }
});

/** The last whole second that was printed: records come many to a second, and printing a date is slow. */
let second = { start: NaN, text: '' };

/** A time in milliseconds since the epoch as records tell it: RFC 3339 in UTC, to the millisecond. */
export function recordTimestamp(ms: number): string {
  const whole = Math.floor(ms);
  const start = Math.floor(whole / 1000) * 1000;
  if (start !== second.start) second = { start, text: new Date(start).toISOString().slice(0, -4) };
  const millis = whole - start;
  return `${second.text}${millis < 10 ? '00' : millis < 100 ? '0' : ''}${millis}Z`;
}

function writePrincipal({ realm, subject }: AccessRecord): void {
  writer.raw(',"principal":{');
  if (realm !== '') writeText('"realm":', realm);
  if (subject !== '') writeText(realm === '' ? '"subject":' : ',"subject":', subject);
  writer.raw('}');
}

function writeReferences(all: readonly AccessReference[]): void {
  let before = ',"references":[{"decision":"';
  for (const one of all) {
    writeReference(before, one);
    before = ',{"decision":"';
  }
  writer.raw(']');
}

function writeReference(before: string, reference: AccessReference): void {
  const { decision, durationNs, id, phase, policy, reason, reasonCode } = reference;
  writeWord(before, decision);
  if (durationNs >= 0.5) writeNanoseconds(',"duration":"', durationNs);
  if (id !== '') writeText(',"id":', id);
  writeWord(',"phase":"', phase);
  writer.raw(',"policies":[{');
  if (policy !== undefined) writer.copy(policyPiece(policy));
  writer.raw('}]');
  if (reason !== '') writeText(',"reason":', reason);
  if (reasonCode !== 'POLICY_OUTCOME') writeWord(',"reasonCode":"', reasonCode);
  writer.raw('}');
}
