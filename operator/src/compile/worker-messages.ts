import type { Problem } from '@edict/bundle';
import type { TestOutcome, TestSuite } from '@edict/engine';
import type { DomainContext, DomainSource, DomainVerdict, ServedDocuments, StoredBundle } from './domain-checker.ts';

/** What the worker is started with. */
export interface WorkerSettings {
  /** Built-ins that policies may not call; undefined: the usual ones. */
  readonly unsafeBuiltins: readonly string[] | undefined;
}

/** What the worker is asked. */
export type WorkerRequest =
  | {
      readonly id: number;
      readonly type: 'domain';
      readonly subject: DomainSource;
      readonly context: readonly DomainContext[];
    }
  | {
      readonly id: number;
      readonly type: 'combination';
      readonly bundles: readonly StoredBundle[];
      readonly changed: readonly string[];
      readonly documents: ServedDocuments | undefined;
    }
  | {
      readonly id: number;
      readonly type: 'tests';
      readonly domains: readonly DomainContext[];
      readonly suites: readonly TestSuite[];
      readonly documents: ServedDocuments | undefined;
      readonly timeoutMs: number | undefined;
    };

/** What it answers. `failed` is a fault of ours, not of a domain. */
export type WorkerReply =
  | { readonly id: number; readonly type: 'domain'; readonly verdict: DomainVerdict }
  | { readonly id: number; readonly type: 'combination'; readonly problems: readonly Problem[] }
  | { readonly id: number; readonly type: 'tests'; readonly outcome: TestOutcome }
  | { readonly id: number; readonly type: 'failed'; readonly message: string };
