/** A PolicyDomain to apply, and what to ask to learn which edit of it answers. */
export interface DomainManifest {
  readonly apiVersion: 'edict.dev/v1beta1';
  readonly kind: 'PolicyDomain';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

const READ = 'notes:read';
const READER = 'mrn:iam:role:reader';
const NOTE = 'mrn:notes:note:1';

/**
 * A domain in which readers may read when `context.edit` is at most `edit`. Asked with {@link editQuestion}, the decision shows
 * whether the content that decided is at least that new, whatever the headers say.
 */
export function domainOfEdit(namespace: string, name: string, edit: number): DomainManifest {
  return domainWithRego(
    namespace,
    name,
    `package authz

import rego.v1

default allow := false

allow if {
  input.operation == "${READ}"
  input.context.edit <= ${edit}
}
`,
  );
}

/** The same domain with any Rego in the place of the reader's policy. */
export function domainWithRego(namespace: string, name: string, rego: string): DomainManifest {
  return {
    apiVersion: 'edict.dev/v1beta1',
    kind: 'PolicyDomain',
    metadata: { name, namespace, labels: { suite: 'edict' } },
    spec: {
      policies: [
        { mrn: 'mrn:iam:policy:known-caller', name: 'known-caller', rego: KNOWN_CALLER },
        { mrn: 'mrn:iam:policy:reader', name: 'reader', rego },
        { mrn: 'mrn:iam:policy:anything', name: 'anything', rego: ALLOW_ALL },
      ],
      roles: [{ mrn: READER, name: 'reader', policy: 'mrn:iam:policy:reader' }],
      'resource-groups': [
        { mrn: 'mrn:iam:resource-group:notes', name: 'notes', default: true, policy: 'mrn:iam:policy:anything' },
      ],
      operations: [{ name: 'all', selector: ['notes:.*'], policy: 'mrn:iam:policy:known-caller' }],
    },
  };
}

/** Granted by an edit of at least this number, denied by an older one, to whoever asks. */
export function editQuestion(edit: number, sub = 'ann'): object {
  return {
    principal: { sub, mroles: [READER] },
    operation: READ,
    resource: NOTE,
    context: { edit },
  };
}

const KNOWN_CALLER = `package authz

import rego.v1

default allow := -1

allow := 0 if input.principal.sub != ""
`;

const ALLOW_ALL = `package authz

import rego.v1

default allow := true
`;
