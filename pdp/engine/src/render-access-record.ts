import { jsonString, jsonText } from './json-text.ts';
import type { AccessRecord, AccessReference, PolicyIdentity, RevisionIdentity } from './access-record.ts';

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
  if (record.references.length > 0) text += `,"references":[${references(record.references)}]`;
  if (record.resource !== '') text += `,"resource":${jsonString(record.resource)}`;
  if (record.systemOverride) text += ',"systemOverride":true';
  return `${text}}`;
}

function durations({ durationNs, phaseDurations }: AccessRecord): string {
  const { system, identity, resource, scope } = phaseDurations;
  let phases = '';
  if (system !== undefined) phases += `,"1":"${nanoseconds(system)}"`;
  if (identity !== undefined) phases += `,"2":"${nanoseconds(identity)}"`;
  if (resource !== undefined) phases += `,"3":"${nanoseconds(resource)}"`;
  if (scope !== undefined) phases += `,"4":"${nanoseconds(scope)}"`;
  const overall = `"overall":"${nanoseconds(durationNs)}"`;
  return phases === '' ? overall : `${overall},"phases":{${phases.slice(1)}}`;
}

function metadata({ env, id, revision, timestampMs }: AccessRecord): string {
  const values = env === undefined ? '' : envText(env);
  const named = id === '' ? '' : `"id":${jsonString(id)},`;
  const policy = revision === undefined ? '' : revisionText(revision);
  return `${values}${named}${policy}"timestamp":"${recordTimestamp(timestampMs)}"`;
}

// What is the same for all records of a revision is written once: each text ends with a comma, or is empty.
const envTexts = new WeakMap<object, string>();
const revisionTexts = new WeakMap<RevisionIdentity, string>();

function envText(env: Readonly<Record<string, string>>): string {
  let text = envTexts.get(env);
  if (text === undefined) {
    text = Object.keys(env).length === 0 ? '' : `"env":${jsonText(env)},`;
    envTexts.set(env, text);
  }
  return text;
}

function revisionText(identity: RevisionIdentity): string {
  let text = revisionTexts.get(identity);
  if (text === undefined) {
    const { digest, revision, set } = identity;
    const fields = [field('policyDigest', digest), field('policyRevision', String(revision)), field('policySet', set)];
    text = fields.map((one) => (one === '' ? '' : `${one},`)).join('');
    revisionTexts.set(identity, text);
  }
  return text;
}

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

function principal({ realm, subject }: AccessRecord): string {
  return joined(field('realm', realm), field('subject', subject));
}

function references(all: readonly AccessReference[]): string {
  let text = '';
  for (const one of all) text += text === '' ? reference(one) : `,${reference(one)}`;
  return text;
}

function reference({ decision, durationNs, id, phase, policy, reason, reasonCode }: AccessReference): string {
  let text = `{"decision":"${decision}"`;
  const duration = nanoseconds(durationNs);
  if (duration !== '0') text += `,"duration":"${duration}"`;
  if (id !== '') text += `,"id":${jsonString(id)}`;
  text += `,"phase":"${phase}",${policy === undefined ? NO_POLICY : policyText(policy)}`;
  if (reason !== '') text += `,"reason":${jsonString(reason)}`;
  if (reasonCode !== 'POLICY_OUTCOME') text += `,"reasonCode":"${reasonCode}"`;
  return `${text}}`;
}

const NO_POLICY = '"policies":[{}]';

/** Policies are few and their identities live as long as their snapshot, so each is written once. */
const policyTexts = new WeakMap<PolicyIdentity, string>();

function policyText(policy: PolicyIdentity): string {
  let text = policyTexts.get(policy);
  if (text === undefined) {
    // Joined, not added: a text that is made of others is walked through for every record.
    text = ['"policies":[{', joined(field('fingerprint', policy.fingerprint), field('mrn', policy.mrn)), '}]'].join('');
    policyTexts.set(policy, text);
  }
  return text;
}

function field(name: string, value: string): string {
  return value === '' ? '' : `"${name}":${jsonString(value)}`;
}

function joined(first: string, second: string): string {
  return first === '' || second === '' ? first + second : `${first},${second}`;
}

function nanoseconds(duration: number): string {
  return String(Math.max(0, Math.round(duration)));
}
