import type { WhoAmI } from '../wire.ts';

/** Who asks. */
export interface ConsoleUser {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra: Readonly<Record<string, readonly string[]>>;
  readonly by: WhoAmI['by'];
}

/** What a request says of who asks. */
export interface Credentials {
  /** The header `Authorization`. */
  readonly authorization: string | undefined;
  /** Every header as it came, repeated ones apart. */
  readonly headers: Readonly<Record<string, readonly string[] | undefined>>;
  /** Common name of the client certificate, if one was shown that the configured authority signed. */
  readonly certificateName: string | undefined;
}

/** One question about rights, as RBAC asks them. Without a namespace it is about all of them. */
export interface AccessQuestion {
  readonly verb: 'get' | 'list' | 'update';
  readonly resource: 'policysets' | 'policyrevisions';
  readonly namespace?: string;
  readonly name?: string;
}

/** Who may see and do what. Both functions throw `ProblemError`. */
export interface Access {
  /** `unauthenticated` for credentials that are missing or wrong, `unavailable` where nobody can judge them now. */
  readonly authenticate: (credentials: Credentials) => Promise<ConsoleUser>;
  /** `too-many-requests` or `unavailable` where nobody can say now: that is no permission. */
  readonly isAllowed: (user: ConsoleUser, question: AccessQuestion) => Promise<boolean>;
}

/** The token behind `Bearer`; undefined if there is none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^bearer ([\w\-.~+/]+=*)$/i.exec(authorization?.trim() ?? '')?.[1];
}
