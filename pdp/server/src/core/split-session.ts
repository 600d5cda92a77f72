import type { Serving } from '@edict/crds';
import type { DecisionLimits, Documents, MapResult, Snapshot } from '@edict/engine';
import { isInShare, type Share } from '@edict/protocol';
import type { LiveSession } from './live-session.ts';
import { principalOfInput, principalOfPorc } from './principal.ts';
import type {
  DecideOptions,
  DocumentAnswer,
  DocumentQuery,
  PorcAnswer,
  Refusal,
  Session,
  SessionRevision,
} from './session.ts';

/**
 * One request's hold on the revision of a set and on its canary: each question goes to the canary if its principal is in the
 * share, and to the other if not or if it has none. What is counted against the set is counted once, by the first.
 */
export class SplitSession implements Session {
  readonly #stable: LiveSession;
  readonly #openCanary: () => LiveSession;
  readonly #share: Share;
  #canary: LiveSession | undefined;
  /** What answered last. */
  #last: LiveSession;
  /** Whether what was asked so far was answered by the stable one, and by the canary. */
  #answered = { stable: false, canary: false };
  /** The revision whose mapper made the PORC that is asked next: it decides on it too. */
  #mapped: LiveSession | undefined;

  constructor(stable: LiveSession, openCanary: () => LiveSession, share: Share) {
    this.#stable = this.#last = stable;
    this.#openCanary = openCanary;
    this.#share = share;
  }

  get revision(): SessionRevision {
    return this.#last.revision;
  }
  get overall(): SessionRevision {
    return this.#whole.revision;
  }
  get headers(): Readonly<Record<string, string>> {
    return this.#whole.headers;
  }
  get serving(): Serving {
    return this.#stable.serving;
  }
  get snapshot(): Snapshot {
    return this.#last.snapshot;
  }
  get documents(): Documents | undefined {
    return this.#last.documents;
  }
  get limits(): DecisionLimits {
    return this.#last.limits;
  }

  decide(porc: unknown, options: DecideOptions): PorcAnswer | Promise<PorcAnswer> {
    const mapped = this.#mapped;
    this.#mapped = undefined;
    return this.#turnTo(mapped ?? this.#for(principalOfPorc(porc))).decide(porc, options);
  }

  /** Whose request it is says the mapper of the revision for everybody; that of the canary then has its say about the rest. */
  map(attributes: unknown, domain: string | undefined): MapResult | Promise<MapResult> {
    const mapped = this.#stable.map(attributes, domain);
    const choose = (result: MapResult): MapResult | Promise<MapResult> => {
      const chosen = result.ok ? this.#for(principalOfPorc(result.value)) : this.#stable;
      this.#mapped = chosen;
      if (chosen === this.#stable) return result;
      this.#turnTo(chosen);
      return chosen.map(attributes, domain);
    };
    return mapped instanceof Promise ? mapped.then(choose) : choose(mapped);
  }

  query(query: DocumentQuery): DocumentAnswer | Promise<DocumentAnswer> {
    return this.#turnTo(this.#for(principalOfInput(this.serving, query.input))).query(query);
  }

  hold(bytes: number): Refusal | undefined {
    return this.#stable.hold(bytes);
  }

  end(): void {
    this.#stable.end();
  }

  get #whole(): LiveSession {
    return this.#answered.canary && !this.#answered.stable ? (this.#canary ?? this.#stable) : this.#stable;
  }

  #for(principal: string | undefined): LiveSession {
    if (principal === undefined || !isInShare(this.#share, principal)) return this.#stable;
    return (this.#canary ??= this.#openCanary());
  }

  #turnTo(session: LiveSession): LiveSession {
    // A first answer counts from when the request was let in, a later one from when the one before was given.
    const isFirst = !this.#answered.stable && !this.#answered.canary;
    if (session !== this.#last && !isFirst) session.resume();
    if (session === this.#stable) this.#answered.stable = true;
    else this.#answered.canary = true;
    this.#last = session;
    return session;
  }
}
