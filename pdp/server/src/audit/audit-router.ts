import type { AccessRecord, Documents } from '@edict/engine';
import type { AuditContext, AuditSink, DocumentDecision } from '../core/audit-sink.ts';
import { API_NAMES, type ApiName, type SessionRevision } from '../core/session.ts';
import { POLICY_MASK_PATH, renderView, type MaskFailure, type RecordFormat, type ViewOptions } from './audit-views.ts';
import type { MaskRule } from './mask/apply-mask.ts';
import { askWhetherDropped, POLICY_DROP_PATH } from './policy-drop.ts';
import { matchesSet } from './settings/audit-settings.ts';

/** The way to a sink, and which records go there. */
export interface Route {
  readonly pipeline: {
    readonly room: () => boolean | Promise<boolean>;
    readonly take: (text: string, atMs: number) => Promise<boolean> | undefined;
  };
  readonly format: RecordFormat;
  /** All where undefined. */
  readonly apis: readonly ApiName[] | undefined;
  readonly sets: readonly string[] | undefined;
}

/** A mask, and the sets whose records it is for; all where undefined. */
export interface SetMask {
  readonly rule: MaskRule;
  readonly sets: readonly string[] | undefined;
}

export interface RouterOptions {
  readonly routes: readonly Route[];
  readonly masks: readonly SetMask[];
  readonly labels: Readonly<Record<string, string>>;
  readonly onMaskFailure: (set: string, failure: MaskFailure, detail: string) => void;
  /** Told of each record that the set's own policy does not want, and of each that it could not judge: that one is kept. */
  readonly onDrop: (set: string, problem: string | undefined) => void;
}

/** What holds for all records of one revision. */
interface Plan {
  readonly routes: Readonly<Record<ApiName, readonly Route[]>>;
  readonly view: ViewOptions;
  /** Documents that define `data.system.log.drop`, if any do. */
  readonly drop: Documents | undefined;
}

/** Takes records from the decision core, writes each once per format, and hands it to the sinks that want it. */
export class AuditRouter implements AuditSink {
  readonly #options: RouterOptions;
  readonly #plans = new WeakMap<SessionRevision, Plan>();

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  readonly room = (about: AuditContext): boolean | Promise<boolean> => {
    let waiting: Promise<boolean>[] | undefined;
    for (const { pipeline } of this.#planFor(about).routes[about.api]) {
      const room = pipeline.room();
      if (room === false) return false;
      if (room !== true) (waiting ??= []).push(room);
    }
    return waiting === undefined ? true : allOf(waiting);
  };

  readonly record = (decision: AccessRecord | DocumentDecision, about: AuditContext): Promise<boolean> | undefined => {
    const { routes, view, drop } = this.#planFor(about);
    if (drop !== undefined && this.#isDropped(drop, decision, about)) return undefined;
    let access: string | undefined;
    let event: string | undefined;
    let waiting: Promise<boolean>[] | undefined;
    for (const { pipeline, format } of routes[about.api]) {
      let text: string;
      if (format === 'AccessRecord') text = access ??= renderView(format, decision, about, view);
      else text = event ??= renderView(format, decision, about, view);
      const kept = pipeline.take(text, decision.timestampMs);
      if (kept !== undefined) (waiting ??= []).push(kept);
    }
    return waiting === undefined ? undefined : allOf(waiting);
  };

  #isDropped(documents: Documents, decision: AccessRecord | DocumentDecision, about: AuditContext): boolean {
    const { labels, onDrop } = this.#options;
    const verdict = askWhetherDropped(documents, decision, about, labels);
    if (verdict.drop || 'problem' in verdict) {
      onDrop(about.revision.set, 'problem' in verdict ? verdict.problem : undefined);
    }
    return verdict.drop;
  }

  #planFor(about: AuditContext): Plan {
    const { revision } = about;
    let plan = this.#plans.get(revision);
    if (plan === undefined) {
      plan = this.#planOf(about);
      this.#plans.set(revision, plan);
    }
    return plan;
  }

  #planOf({ revision, documents }: AuditContext): Plan {
    const { routes, masks, labels, onMaskFailure } = this.#options;
    const { set } = revision;
    const wanted = (api: ApiName): readonly Route[] =>
      routes.filter(({ apis, sets }) => (apis === undefined || apis.includes(api)) && matchesSet(sets, set));
    return {
      routes: Object.fromEntries(API_NAMES.map((api) => [api, wanted(api)])) as Plan['routes'],
      view: {
        labels,
        rules: masks.filter(({ sets }) => matchesSet(sets, set)).map(({ rule }) => rule),
        policy: documents?.isDefined(POLICY_MASK_PATH) === true ? documents : undefined,
        onMaskFailure: (failure, detail) => onMaskFailure(set, failure, detail),
      },
      drop: documents?.isDefined(POLICY_DROP_PATH) === true ? documents : undefined,
    };
  }
}

async function allOf(waiting: readonly Promise<boolean>[]): Promise<boolean> {
  return (await Promise.all(waiting)).every(Boolean);
}
