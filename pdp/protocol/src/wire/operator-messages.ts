import type { DecisionSignature, SignedRevision } from '@edict/bundle';
import type * as gen from '../gen/edict/distribution/v1/distribution.ts';
import {
  FALLBACK_SOURCES_MAX,
  NACK_MESSAGE_MAX_BYTES,
  NAME_MAX_LENGTH,
  SETS_MAX,
  SIGNATURE_MAX_LENGTH,
} from '../limits.ts';
import type { Commit, OperatorMessage, Prepare, ShadowRequest, Vouch, Welcome } from '../messages.ts';
import {
  atMostItems,
  boundedUtf8,
  digest,
  finite,
  required,
  revisionId,
  setKey,
  text,
  whole,
  WireError,
} from './checks.ts';
import { canaryFromGen, shareFromGen } from './shares.ts';
import { abortReasons, revisionReasons } from './words.ts';

/** Longest time that a message may name, in milliseconds: one day. */
const DURATION_MAX_MS = 86_400_000;
const URL_MAX_LENGTH = 2048;

/** The message in the generated types. */
export function operatorMessageToGen(message: OperatorMessage): gen.ConnectResponse {
  switch (message.type) {
    case 'Welcome': {
      const { replica, sets, heartbeatMs, artifactsUrl, fallbackSources = [], redialMaxMs = 0 } = message;
      const value = {
        replica,
        sets: [...sets],
        heartbeatMs,
        artifactsUrl,
        fallbackSources: [...fallbackSources],
        redialMaxMs,
      };
      return { message: { $case: 'welcome', value } };
    }
    case 'Prepare': {
      const { shadow } = message;
      return { message: { $case: 'prepare', value: { ...offerToGen(message), shadow } } };
    }
    case 'Commit': {
      const { share, activateAt, decision } = message;
      const value = { ...offerToGen(message), share, activateAtMs: activateAt, decision };
      return { message: { $case: 'commit', value } };
    }
    case 'Abort': {
      const { set, revision, reason } = message;
      return { message: { $case: 'abort', value: { set, revision, reason: abortReasons.encode(reason) } } };
    }
    case 'BeatAck': {
      const { seq, asOfAgeMs, clock, sets } = message;
      const vouches = sets.map((vouch) => ({ ...vouch, canary: vouch.canary }));
      return { message: { $case: 'beatAck', value: { seq, asOfAgeMs, clockMs: clock, sets: vouches } } };
    }
    case 'Reconnect':
      return { message: { $case: 'reconnect', value: { afterMs: message.afterMs, reason: message.reason } } };
    case 'Retry':
      return { message: { $case: 'retry', value: { afterMs: message.afterMs, reason: message.reason } } };
  }
}

function offerToGen({ set, revision, ticket, deadlineMs, spreadMs }: Prepare | Commit): Omit<gen.Prepare, 'shadow'> {
  const { setUid, n, parent, reason, createdAt, keyId, signature } = revision;
  return {
    set,
    revision: {
      set: revision.set,
      setUid,
      n,
      digest: revision.digest,
      parent,
      reason: revisionReasons.encode(reason),
      createdAt,
      keyId,
      signature,
    },
    ticket,
    deadlineMs: Math.ceil(deadlineMs),
    spreadMs: Math.ceil(spreadMs),
  };
}

/** The checked message. @throws WireError */
export function operatorMessageFromGen({ message }: gen.ConnectResponse): OperatorMessage {
  switch (message?.$case) {
    case 'welcome':
      return welcomeFromGen(message.value);
    case 'prepare': {
      const { shadow } = message.value;
      return {
        type: 'Prepare',
        ...offerFromGen(message.value),
        ...(shadow === undefined ? {} : { shadow: shadowRequest(shadow) }),
      };
    }
    case 'commit': {
      const { share, activateAtMs, decision } = message.value;
      return {
        type: 'Commit',
        ...offerFromGen(message.value),
        ...(share === undefined ? {} : { share: shareFromGen(share, 'share') }),
        ...(activateAtMs === undefined ? {} : { activateAt: finite(activateAtMs, 'activate_at_ms') }),
        ...(decision === undefined ? {} : { decision: decisionFromGen(decision) }),
      };
    }
    case 'abort': {
      const { set, revision, reason } = message.value;
      const decoded = abortReasons.decode(reason, 'reason');
      return { type: 'Abort', set: setKey(set), revision: revisionId(revision, 'revision'), reason: decoded };
    }
    case 'beatAck': {
      const { seq, asOfAgeMs, clockMs, sets } = message.value;
      return {
        type: 'BeatAck',
        seq: whole(seq, 'seq'),
        asOfAgeMs,
        clock: finite(clockMs, 'clock_ms'),
        sets: atMostItems(sets, 'sets', SETS_MAX).map(vouchFromGen),
      };
    }
    case 'reconnect':
      return { type: 'Reconnect', ...waitFromGen(message.value) };
    case 'retry':
      return { type: 'Retry', ...waitFromGen(message.value) };
    case undefined:
      throw new WireError('UnknownMessage', 'a message of a type that this version does not know');
  }
}

function welcomeFromGen(value: gen.Welcome): Welcome {
  const sources = atMostItems(value.fallbackSources, 'fallback_sources', FALLBACK_SOURCES_MAX).map((source) =>
    text(source, 'fallback_sources', URL_MAX_LENGTH),
  );
  return {
    type: 'Welcome',
    replica: text(value.replica, 'replica', NAME_MAX_LENGTH),
    sets: atMostItems(value.sets, 'sets', SETS_MAX).map((set) => setKey(set, 'sets')),
    heartbeatMs: whole(value.heartbeatMs, 'heartbeat_ms', 100, DURATION_MAX_MS),
    artifactsUrl: text(value.artifactsUrl, 'artifacts_url', URL_MAX_LENGTH, 0),
    ...(sources.length === 0 ? {} : { fallbackSources: sources }),
    ...(value.redialMaxMs === 0 ? {} : { redialMaxMs: whole(value.redialMaxMs, 'redial_max_ms', 1, DURATION_MAX_MS) }),
  };
}

function shadowRequest({ samplePpm, windowMs }: gen.ShadowRequest): ShadowRequest {
  return {
    samplePpm: whole(samplePpm, 'shadow.sample_ppm', 1, 1_000_000),
    windowMs: whole(windowMs, 'shadow.window_ms', 1, DURATION_MAX_MS),
  };
}

function vouchFromGen({ set, setUid, minRev, stableRev, canary }: gen.Vouch): Vouch {
  return {
    set: setKey(set, 'sets'),
    setUid: text(setUid, 'set_uid', NAME_MAX_LENGTH),
    minRev: whole(minRev, 'min_rev'),
    stableRev: whole(stableRev, 'stable_rev'),
    ...(canary === undefined ? {} : { canary: canaryFromGen(canary) }),
  };
}

function waitFromGen({ afterMs, reason }: gen.Reconnect): { readonly afterMs: number; readonly reason: string } {
  return {
    afterMs: whole(afterMs, 'after_ms', 0, DURATION_MAX_MS),
    reason: boundedUtf8(reason, 'reason', NACK_MESSAGE_MAX_BYTES),
  };
}

function offerFromGen(value: gen.Prepare | gen.Commit): Omit<Prepare, 'type' | 'shadow'> {
  return {
    set: setKey(value.set),
    revision: signedRevision(required(value.revision, 'revision')),
    ticket: text(value.ticket, 'ticket', SIGNATURE_MAX_LENGTH, 0),
    deadlineMs: whole(value.deadlineMs, 'deadline_ms', 1, DURATION_MAX_MS),
    spreadMs: whole(value.spreadMs, 'spread_ms', 0, DURATION_MAX_MS),
  };
}

function decisionFromGen({ final, keyId, signature }: gen.DecisionSignature): DecisionSignature {
  return {
    final,
    keyId: text(keyId, 'decision.key_id', NAME_MAX_LENGTH),
    signature: text(signature, 'decision.signature', SIGNATURE_MAX_LENGTH),
  };
}

function signedRevision(value: gen.SignedRevision): SignedRevision {
  const createdAt = text(value.createdAt, 'revision.created_at', 40);
  if (Number.isNaN(Date.parse(createdAt))) throw new WireError('OutOfBounds', 'revision.created_at is not a time');
  return {
    set: setKey(value.set, 'revision.set'),
    setUid: text(value.setUid, 'revision.set_uid', NAME_MAX_LENGTH),
    n: whole(value.n, 'revision.n', 1),
    digest: digest(value.digest, 'revision.digest'),
    parent: whole(value.parent, 'revision.parent'),
    reason: revisionReasons.decode(value.reason, 'revision.reason'),
    createdAt,
    keyId: text(value.keyId, 'revision.key_id', NAME_MAX_LENGTH),
    signature: text(value.signature, 'revision.signature', SIGNATURE_MAX_LENGTH),
  };
}
