import type { EntityKind, Position, Problem } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';

/** One entity of a domain, as problems name it. */
export interface Subject {
  readonly sourced: SourcedDomain;
  readonly kind: EntityKind;
  /** Path of the entity in the model: `policies/0`. */
  readonly path: string;
  /** Its MRN, or its name where it has none. */
  readonly id: string;
}

/** The subject at `path/index`. */
export function subjectAt(
  sourced: SourcedDomain,
  kind: EntityKind,
  path: string,
  index: number,
  entity: { readonly mrn?: string; readonly name: string },
): Subject {
  const id = entity.mrn === undefined || entity.mrn === '' ? entity.name : entity.mrn;
  return { sourced, kind, path: `${path}/${String(index)}`, id };
}

/** Where the subject, or one of its fields, stands; the subject itself where the field was not written. */
export function placeOf({ sourced, path }: Subject, field?: string): Position | undefined {
  const { places } = sourced;
  return (field === undefined ? undefined : places.get(`${path}/${field}`)) ?? places.get(path);
}

/** A problem of a subject, with everything but what is particular to it filled in. */
export function problemOf(
  subject: Subject,
  detail: Pick<Problem, 'source' | 'class' | 'message'> & {
    readonly severity?: Problem['severity'];
    /** Path below the entity: `policy`, `roles/1`. Its first part is the problem's field. */
    readonly field?: string;
  },
): Problem {
  const { field, severity = 'error', source, message } = detail;
  const place = placeOf(subject, field);
  return {
    source,
    severity,
    class: detail.class,
    file: subject.sourced.file,
    domain: subject.sourced.domain.name,
    kind: subject.kind,
    ...(subject.id === '' ? {} : { mrn: subject.id }),
    ...(field === undefined ? {} : { field: field.split('/', 1)[0] ?? field }),
    ...place,
    message,
  };
}
