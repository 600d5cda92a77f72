import { jsonString, jsonText } from './json-text.ts';
import type { AccessRecord, AccessReference, PhaseDurations, PolicyIdentity } from './access-record.ts';

/**
 * One access record as one line of JSON, without a line feed: keys sorted, `<`, `>` and `&` escaped, fields with default
 * values (empty texts, `false`, `POLICY_OUTCOME`, zero durations) left out, 64-bit integers as strings. Beyond the
 * reference engine's fields, `metadata` names `policySet`, `policyRevision` and `policyDigest`.
 */
export function renderAccessRecord(record: AccessRecord): string {
  let text = `{"decision":"${record.decision}"`;
  if (record.denyReason !== undefined) text += `,"denyReason":"${record.denyReason}"`;
  text += `,"duration":{${durations(record)}}`;
  if (record.grantReason !== undefined) text += `,"grantReason":"${record.grantReason}"`;
  text += `,"metadata":{${metadata(record)}}`;
  if (record.operation !== '') text += `,"operation":${jsonString(record.operation)}`;
  if (record.porc !== undefined) text += `,"porc":${jsonText(record.porc)}`;
  text += `,"principal":{${principal(record)}}`;
  if (record.references.length > 0) text += `,"references":[${record.references.map(reference).join(',')}]`;
  if (record.resource !== '') text += `,"resource":${jsonString(record.resource)}`;
  if (record.systemOverride) text += ',"systemOverride":true';
  return `${text}}`;
}

function durations({ durationNs, phaseDurations }: AccessRecord): string {
  const overall = field('overall', nanoseconds(durationNs));
  const phases = phaseNumbers
    .map(([number, phase]) => {
      const duration = phaseDurations[phase];
      return duration === undefined ? '' : `"${number}":"${nanoseconds(duration)}"`;
    })
    .filter((phase) => phase !== '');
  return joined(overall, phases.length === 0 ? '' : `"phases":{${phases.join(',')}}`);
}

const phaseNumbers: readonly (readonly [string, keyof PhaseDurations])[] = [
  ['1', 'system'],
  ['2', 'identity'],
  ['3', 'resource'],
  ['4', 'scope'],
];

function metadata({ env, id, revision, timestampMs }: AccessRecord): string {
  return joined(
    env === undefined || Object.keys(env).length === 0 ? '' : `"env":${jsonText(env)}`,
    field('id', id),
    field('policyDigest', revision?.digest ?? ''),
    field('policyRevision', revision === undefined ? '' : String(revision.revision)),
    field('policySet', revision?.set ?? ''),
    `"timestamp":"${timestamp(timestampMs)}"`,
  );
}

/** The last whole second that was printed: records come many to a second, and printing a date is slow. */
let second = { start: NaN, text: '' };

/** RFC 3339 in UTC, to the millisecond. */
function timestamp(ms: number): string {
  const whole = Math.floor(ms);
  const start = Math.floor(whole / 1000) * 1000;
  if (start !== second.start) second = { start, text: new Date(start).toISOString().slice(0, -4) };
  return `${second.text}${String(whole - start).padStart(3, '0')}Z`;
}

function principal({ realm, subject }: AccessRecord): string {
  return joined(field('realm', realm), field('subject', subject));
}

function reference({ decision, durationNs, id, phase, policy, reason, reasonCode }: AccessReference): string {
  const named = policy === undefined ? '' : policyText(policy);
  let text = `{"decision":"${decision}"`;
  const duration = nanoseconds(durationNs);
  if (duration !== '0') text += `,"duration":"${duration}"`;
  if (id !== '') text += `,"id":${jsonString(id)}`;
  text += `,"phase":"${phase}","policies":[{${named}}]`;
  if (reason !== '') text += `,"reason":${jsonString(reason)}`;
  if (reasonCode !== 'POLICY_OUTCOME') text += `,"reasonCode":"${reasonCode}"`;
  return `${text}}`;
}

/** Policies are few and their identities live as long as their snapshot, so each is written once. */
const policyTexts = new WeakMap<PolicyIdentity, string>();

function policyText(policy: PolicyIdentity): string {
  let text = policyTexts.get(policy);
  if (text === undefined) {
    text = joined(field('fingerprint', policy.fingerprint), field('mrn', policy.mrn));
    policyTexts.set(policy, text);
  }
  return text;
}

function field(name: string, value: string): string {
  return value === '' ? '' : `"${name}":${jsonString(value)}`;
}

function joined(...fields: readonly string[]): string {
  let text = '';
  for (const one of fields) {
    if (one !== '') text += text === '' ? one : `,${one}`;
  }
  return text;
}

function nanoseconds(duration: number): string {
  return String(Math.max(0, Math.round(duration)));
}
