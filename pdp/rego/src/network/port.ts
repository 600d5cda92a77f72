/** The built-ins that ask the network. */
export type NetworkBuiltin = 'http.send' | 'net.lookup_ip_addr';

/** All of {@link NetworkBuiltin}. */
export const NETWORK_BUILTINS: readonly NetworkBuiltin[] = ['http.send', 'net.lookup_ip_addr'];

/** Whether a call of the built-in may ask the network. */
export function isNetworkBuiltin(name: string): name is NetworkBuiltin {
  return (NETWORK_BUILTINS as readonly string[]).includes(name);
}

/** What `http.send` wants sent, checked and complete. */
export interface HttpRequest {
  readonly builtin: 'http.send';
  /** Equal for equal requests: everything that the policy said, but the headers that it wants ignored. */
  readonly key: string;
  /** In capitals. */
  readonly method: string;
  /** An `http` or `https` URL with a host. */
  readonly url: string;
  /** Names in Go's canonical spelling, each once. Neither names nor values are checked. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | undefined;
  readonly followRedirects: boolean;
  /** Milliseconds for all of it, bodies and redirects included; 0 for no bound of its own. Default: the bounds' own. */
  readonly timeoutMs: number | undefined;
  /** Further attempts after one that found nobody. */
  readonly maxRetries: number;
  readonly tls: HttpTls;
  readonly caching: HttpCaching | undefined;
}

/** Where text comes from: from the policy, from a file, or from a variable of the process. */
export type TextSource = { readonly text: string } | { readonly file: string } | { readonly variable: string };

/** The TLS parameters of a request. */
export interface HttpTls {
  /** Certificates (PEM) to trust; with none the usual ones. */
  readonly authorities: readonly TextSource[];
  readonly useSystemAuthorities: boolean;
  /** Certificates and keys (PEM) to show. */
  readonly identities: readonly { readonly certificate: TextSource; readonly key: TextSource }[];
  /** Accept any certificate. */
  readonly skipVerify: boolean;
  /** The name to ask for and to expect, instead of the URL's host; `''` for none. */
  readonly serverName: string;
}

/** That an answer may be taken from earlier decisions, and kept for later ones. */
export interface HttpCaching {
  /** Keep it for so long, whatever the answer's headers say. Default: as they say. */
  readonly forceSeconds: number | undefined;
}

/** What a server answered. */
export interface HttpResponse {
  readonly statusCode: number;
  /** Code and reason: `404 Not Found`. */
  readonly status: string;
  /** The header lines as they came. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/** A name to resolve. */
export interface LookupRequest {
  readonly builtin: 'net.lookup_ip_addr';
  readonly key: string;
  readonly name: string;
}

/** Why there is no answer: somebody on the way is the cause, or the request or one of our bounds is. */
export type NetworkFailure =
  | {
      readonly kind: 'network';
      /** What was asked when it failed, which after a redirect is not what the policy asked. */
      readonly method: string;
      readonly url: string;
      /** In Go's words, so far as there are some. */
      readonly message: string;
      readonly timedOut: boolean;
    }
  | { readonly kind: 'internal'; readonly message: string };

export type HttpAnswer =
  { readonly ok: true; readonly response: HttpResponse } | { readonly ok: false; readonly failure: NetworkFailure };

export type LookupAnswer =
  { readonly ok: true; readonly addresses: readonly string[] } | { readonly ok: false; readonly message: string };

/** What one request may take. */
export interface RequestBounds {
  /** Milliseconds for a request that does not say. */
  readonly timeoutMs: number;
  /** Milliseconds that no request may exceed, retries and all. */
  readonly maxMs: number;
  readonly maxResponseBytes: number;
  readonly maxRedirects: number;
}

/**
 * Asks the network. Decides by itself which hosts may be asked, and keeps the bounds. Rejects for nothing that a policy
 * or a server can cause: such failures are answers.
 */
export interface NetworkPort {
  readonly send: (request: HttpRequest, bounds: RequestBounds) => Promise<HttpAnswer>;
  readonly lookup: (request: LookupRequest, bounds: RequestBounds) => Promise<LookupAnswer>;
}

/** Bounds on what one decision may ask of the network. What exceeds one is an error of the built-in. */
export interface NetworkLimits {
  /** Requests and look-ups of one decision; equal ones count once. */
  readonly maxRequests: number;
  /** Milliseconds for a request that does not say. */
  readonly timeoutMs: number;
  /** Milliseconds that one decision may wait for the network altogether. */
  readonly maxWaitMs: number;
  /** Bytes of URL, headers and body of one request. */
  readonly maxRequestBytes: number;
  /** Bytes of the body of one response. */
  readonly maxResponseBytes: number;
  /** Redirects that one request follows. */
  readonly maxRedirects: number;
}

/** The bounds that hold unless others are given. The time-out is OPA's. */
export const DEFAULT_NETWORK_LIMITS: NetworkLimits = {
  maxRequests: 16,
  timeoutMs: 5_000,
  maxWaitMs: 10_000,
  maxRequestBytes: 1_048_576,
  maxResponseBytes: 1_048_576,
  maxRedirects: 10,
};

/** What policies may do with the network. */
export interface NetworkAccess {
  readonly port: NetworkPort;
  /** Calls of all others fail. */
  readonly allowedBuiltins: readonly NetworkBuiltin[];
  /** Bounds other than {@link DEFAULT_NETWORK_LIMITS}. */
  readonly limits?: Partial<NetworkLimits>;
  /** Is told, once for each session, that a policy called a built-in that is not allowed. */
  readonly onRefused?: (builtin: NetworkBuiltin) => void;
}
