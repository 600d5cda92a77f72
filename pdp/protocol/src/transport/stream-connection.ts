import type { ClientHttp2Session } from 'node:http2';

/**
 * The connection that a PDP's stream is on, while its operator serves artifacts over it too. A PDP that fetches by it needs no
 * second one, which would cost both ends a handshake for each edit.
 */
export class StreamConnection {
  #session: ClientHttp2Session | undefined;

  /** The open connection; undefined while there is none, or none that artifacts can be had by. */
  get current(): ClientHttp2Session | undefined {
    const session = this.#session;
    return session === undefined || session.closed || session.destroyed ? undefined : session;
  }

  /** The operator serves artifacts by `session`. */
  opened(session: ClientHttp2Session): void {
    this.#session = session;
  }

  /** The stream of `session` has ended. */
  ended(session: ClientHttp2Session): void {
    if (this.#session === session) this.#session = undefined;
  }
}
