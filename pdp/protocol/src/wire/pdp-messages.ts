import type * as gen from '../gen/edict/distribution/v1/distribution.ts';
import type { RevisionId } from '../identifiers.ts';
import {
  EXCEPTIONS_MAX,
  FEATURES_MAX,
  NACK_MESSAGE_MAX_BYTES,
  NACK_MRN_MAX_BYTES,
  NAME_MAX_LENGTH,
  SET_KEY_MAX_LENGTH,
  SETS_MAX,
  SHADOW_SAMPLES_MAX,
  SHADOW_TEXT_MAX_BYTES,
  TRUSTED_KEYS_MAX,
} from '../limits.ts';
import { EXCEPTION_STATES } from '../messages.ts';
import type {
  Active,
  Beat,
  BeatSet,
  CanaryReport,
  Hello,
  HelloSet,
  Load,
  Nack,
  NackDetail,
  PdpMessage,
  Prepared,
  SetLoad,
  ShadowReport,
  SiteReport,
} from '../messages.ts';
import { atMostItems, boundedUtf8, finite, required, revisionId, setKey, text, whole, WireError } from './checks.ts';
import { canaryFromGen, shareFromGen } from './shares.ts';
import { bootReasons, commitTimings, nackPhases, setStates, shadowDifferences } from './words.ts';

/** The message in the generated types. */
export function pdpMessageToGen(message: PdpMessage): gen.ConnectRequest {
  switch (message.type) {
    case 'Hello':
      return { message: { $case: 'hello', value: helloToGen(message) } };
    case 'Prepared': {
      const { set, revision, compileMs, heapDeltaBytes, tests } = message;
      const value = { set, revision, compileMs, heapDeltaBytes, testsPassed: tests.passed, testsFailed: tests.failed };
      return { message: { $case: 'prepared', value } };
    }
    case 'Nack': {
      const { set, revision, phase, code, deterministic, detail } = message;
      const value = {
        set,
        revision,
        phase: nackPhases.encode(phase),
        code,
        deterministic,
        detail: detailToGen(detail),
      };
      return { message: { $case: 'nack', value } };
    }
    case 'Active': {
      const { set, revision, activatedAt, swapMicros, persisted, share } = message;
      const timing = message.timing === undefined ? 0 : commitTimings.encode(message.timing);
      const value = { set, revision, activatedAtMs: activatedAt, swapMicros, persisted, share, timing };
      return { message: { $case: 'active', value } };
    }
    case 'Beat': {
      const { seq, sentAt, sets, load, trustedKeys = [] } = message;
      const value = { seq, sentAtMs: sentAt, sets: sets.map(beatSetToGen), load, trustedKeys: [...trustedKeys] };
      return { message: { $case: 'beat', value } };
    }
    case 'ShadowReport': {
      const { set, revision, done, counts } = message;
      const samples = message.samples.map((sample) => ({
        ...sample,
        difference: shadowDifferences.encode(sample.difference),
      }));
      return { message: { $case: 'shadowReport', value: { set, revision, done, counts, samples } } };
    }
    case 'SiteReport': {
      const { set, setUid, revision, committed, counts } = message;
      const exceptions = message.exceptions.map((exception) => ({ ...exception }));
      return { message: { $case: 'siteReport', value: { set, setUid, revision, committed, ...counts, exceptions } } };
    }
  }
}

function helloToGen({ protocol, oldestProtocol, engine, sets, bootReason, capacityBytes }: Hello): gen.Hello {
  return {
    protocol,
    oldestProtocol: oldestProtocol ?? 0,
    engine: { ...engine, features: [...engine.features] },
    sets: sets.map(({ set, active, staged, lkg, canary }) => ({
      set,
      active,
      staged,
      lkg,
      canary:
        canary === undefined
          ? undefined
          : { revision: canary.revision, share: { salt: canary.salt, upTo: canary.upTo } },
    })),
    bootReason: bootReasons.encode(bootReason),
    capacityBytes,
  };
}

function beatSetToGen({ state, canary, load, canaryLoad, ...rest }: BeatSet): gen.BeatSet {
  return { ...rest, state: setStates.encode(state), canary, load, canaryLoad };
}

function detailToGen({ message, domain, mrn, line, column }: NackDetail): gen.NackDetail {
  return { message, domain, mrn, line, column };
}

/** The checked message. @throws WireError */
export function pdpMessageFromGen({ message }: gen.ConnectRequest): PdpMessage {
  switch (message?.$case) {
    case 'hello':
      return helloFromGen(message.value);
    case 'prepared':
      return preparedFromGen(message.value);
    case 'nack':
      return nackFromGen(message.value);
    case 'active':
      return activeFromGen(message.value);
    case 'beat':
      return beatFromGen(message.value);
    case 'shadowReport':
      return shadowReportFromGen(message.value);
    case 'siteReport':
      return siteReportFromGen(message.value);
    case undefined:
      throw new WireError('UnknownMessage', 'a message of a type that this version does not know');
  }
}

function helloFromGen(value: gen.Hello): Hello {
  const engine = required(value.engine, 'engine');
  return {
    type: 'Hello',
    protocol: whole(value.protocol, 'protocol', 1),
    ...(value.oldestProtocol === 0
      ? {}
      : { oldestProtocol: whole(value.oldestProtocol, 'oldest_protocol', 1, value.protocol) }),
    engine: {
      name: text(engine.name, 'engine.name', NAME_MAX_LENGTH),
      version: text(engine.version, 'engine.version', NAME_MAX_LENGTH),
      features: atMostItems(engine.features, 'engine.features', FEATURES_MAX).map((feature) =>
        text(feature, 'engine.features', NAME_MAX_LENGTH),
      ),
    },
    sets: atMostItems(value.sets, 'sets', SETS_MAX).map(helloSetFromGen),
    bootReason: bootReasons.decode(value.bootReason, 'boot_reason'),
    capacityBytes: whole(value.capacityBytes, 'capacity_bytes'),
  };
}

function helloSetFromGen(value: gen.HelloSet): HelloSet {
  return {
    set: setKey(value.set),
    ...optionalId('active', value.active),
    ...optionalId('staged', value.staged),
    ...optionalId('lkg', value.lkg),
    ...(value.canary === undefined ? {} : { canary: canaryReport(value.canary) }),
  };
}

function canaryReport(value: gen.CanaryReport): CanaryReport {
  const share = shareFromGen(required(value.share, 'canary.share'), 'canary.share');
  return { revision: revisionId(value.revision, 'canary.revision'), ...share };
}

function optionalId<K extends string>(key: K, value: gen.RevisionId | undefined): Partial<Record<K, RevisionId>> {
  if (value === undefined) return {};
  const member: Partial<Record<K, RevisionId>> = {};
  member[key] = revisionId(value, key);
  return member;
}

function preparedFromGen(value: gen.Prepared): Prepared {
  return {
    type: 'Prepared',
    set: setKey(value.set),
    revision: revisionId(value.revision, 'revision'),
    compileMs: finite(value.compileMs, 'compile_ms'),
    heapDeltaBytes: finite(value.heapDeltaBytes, 'heap_delta_bytes'),
    tests: { passed: value.testsPassed, failed: value.testsFailed },
  };
}

function nackFromGen(value: gen.Nack): Nack {
  const detail = required(value.detail, 'detail');
  return {
    type: 'Nack',
    set: setKey(value.set),
    revision: revisionId(value.revision, 'revision'),
    phase: nackPhases.decode(value.phase, 'phase'),
    code: codeWord(value.code),
    deterministic: value.deterministic,
    detail: {
      message: boundedUtf8(detail.message, 'detail.message', NACK_MESSAGE_MAX_BYTES),
      ...(detail.domain === undefined
        ? {}
        : { domain: boundedUtf8(detail.domain, 'detail.domain', NACK_MRN_MAX_BYTES) }),
      ...(detail.mrn === undefined ? {} : { mrn: boundedUtf8(detail.mrn, 'detail.mrn', NACK_MRN_MAX_BYTES) }),
      ...(detail.line === undefined ? {} : { line: detail.line }),
      ...(detail.column === undefined ? {} : { column: detail.column }),
    },
  };
}

/** A code ends up in metrics' labels and reasons: a word, never a sentence. */
function codeWord(code: string): string {
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(code))
    throw new WireError('OutOfBounds', 'code is not a word of at most 64 characters');
  return code;
}

function activeFromGen(value: gen.Active): Active {
  return {
    type: 'Active',
    set: setKey(value.set),
    revision: revisionId(value.revision, 'revision'),
    activatedAt: finite(value.activatedAtMs, 'activated_at_ms'),
    swapMicros: finite(value.swapMicros, 'swap_micros'),
    persisted: value.persisted,
    ...(value.share === undefined ? {} : { share: shareFromGen(value.share, 'share') }),
    ...(value.timing === 0 ? {} : { timing: commitTimings.decode(value.timing, 'timing') }),
  };
}

function beatFromGen(value: gen.Beat): Beat {
  return {
    type: 'Beat',
    seq: whole(value.seq, 'seq'),
    sentAt: finite(value.sentAtMs, 'sent_at_ms'),
    sets: atMostItems(value.sets, 'sets', SETS_MAX).map(beatSetFromGen),
    load: loadFromGen(required(value.load, 'load')),
    ...(value.trustedKeys.length === 0
      ? {}
      : {
          trustedKeys: atMostItems(value.trustedKeys, 'trusted_keys', TRUSTED_KEYS_MAX).map((key) =>
            text(key, 'trusted_keys', NAME_MAX_LENGTH),
          ),
        }),
  };
}

function beatSetFromGen(value: gen.BeatSet): BeatSet {
  return {
    set: setKey(value.set),
    setUid: text(value.setUid, 'set_uid', NAME_MAX_LENGTH, 0),
    state: setStates.decode(value.state, 'state'),
    active: whole(value.active, 'active'),
    staged: whole(value.staged, 'staged'),
    ...(value.canary === undefined ? {} : { canary: canaryFromGen(value.canary) }),
    ...(value.load === undefined ? {} : { load: setLoadFromGen(value.load) }),
    ...(value.canaryLoad === undefined ? {} : { canaryLoad: setLoadFromGen(value.canaryLoad) }),
  };
}

function setLoadFromGen(value: gen.SetLoad): SetLoad {
  return {
    decisions: whole(value.decisions, 'decisions'),
    errors: whole(value.errors, 'errors'),
    denied: whole(value.denied, 'denied'),
    p99Micros: finite(value.p99Micros, 'p99_micros'),
  };
}

function shadowReportFromGen(value: gen.ShadowReport): ShadowReport {
  const counts = required(value.counts, 'counts');
  return {
    type: 'ShadowReport',
    set: setKey(value.set),
    revision: revisionId(value.revision, 'revision'),
    done: value.done,
    counts: {
      total: whole(counts.total, 'counts.total'),
      changed: whole(counts.changed, 'counts.changed'),
      grantToDeny: whole(counts.grantToDeny, 'counts.grant_to_deny'),
      denyToGrant: whole(counts.denyToGrant, 'counts.deny_to_grant'),
      errors: whole(counts.errors, 'counts.errors'),
      dropped: whole(counts.dropped, 'counts.dropped'),
    },
    samples: atMostItems(value.samples, 'samples', SHADOW_SAMPLES_MAX).map((sample) => ({
      difference: shadowDifferences.decode(sample.difference, 'samples.difference'),
      principal: boundedUtf8(sample.principal, 'samples.principal', SHADOW_TEXT_MAX_BYTES),
      operation: boundedUtf8(sample.operation, 'samples.operation', SHADOW_TEXT_MAX_BYTES),
      resource: boundedUtf8(sample.resource, 'samples.resource', SHADOW_TEXT_MAX_BYTES),
    })),
  };
}

function siteReportFromGen(value: gen.SiteReport): SiteReport {
  const { required: awaited, connected, prepared, active, nacked, laggards, missing } = value;
  return {
    type: 'SiteReport',
    set: setKey(value.set),
    setUid: text(value.setUid, 'set_uid', NAME_MAX_LENGTH, 0),
    revision: whole(value.revision, 'revision'),
    committed: whole(value.committed, 'committed'),
    counts: { required: awaited, connected, prepared, active, nacked, laggards, missing },
    exceptions: atMostItems(value.exceptions, 'exceptions', EXCEPTIONS_MAX).map((exception) => {
      const state = EXCEPTION_STATES.find((word) => word === exception.state);
      if (state === undefined) throw new WireError('OutOfBounds', 'exceptions.state is a word that is not known');
      return {
        node: text(exception.node, 'exceptions.node', SET_KEY_MAX_LENGTH),
        state,
        active: whole(exception.active, 'exceptions.active'),
        reason: boundedUtf8(exception.reason, 'exceptions.reason', NACK_MESSAGE_MAX_BYTES),
      };
    }),
  };
}

function loadFromGen(value: gen.Load): Load {
  return {
    decisions: whole(value.decisions, 'decisions'),
    errors: whole(value.errors, 'errors'),
    denied: whole(value.denied, 'denied'),
    p99Micros: finite(value.p99Micros, 'p99_micros'),
    unlogged: whole(value.unlogged, 'unlogged'),
    rssBytes: whole(value.rssBytes, 'rss_bytes'),
  };
}
