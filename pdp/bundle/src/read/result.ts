import type { Problem } from '../problem.ts';
import type { ApiVersion, SourcedDomain } from '../sourced-domain.ts';

/** What reading one file or object gave. On success there are no problems of severity error. */
export type ReadResult =
  | (SourcedDomain & {
      readonly ok: true;
      readonly apiVersion: ApiVersion;
      /** The file was a PolicyDomainReference whose `rego_filename` entries have been replaced by text. */
      readonly reference: boolean;
    })
  | { readonly ok: false; readonly problems: readonly Problem[] };
