import {
  NETWORK_BUILTINS,
  NetworkSession,
  withNetwork,
  type HttpAnswer,
  type LookupAnswer,
  type NetworkBuiltin,
  type NetworkPort,
} from '@edict/rego/network';
import type { ClosableNetworkPort } from '@edict/server/network';
import { CommandError, messageOf } from '../io.ts';

/** What `http.send` and `net.lookup_ip_addr` of one command may ask. */
export class PolicyNetwork implements Disposable {
  readonly #port: ClosableNetworkPort | undefined;
  readonly #refused: (builtin: NetworkBuiltin) => void;

  private constructor(port: ClosableNetworkPort | undefined, refused: (builtin: NetworkBuiltin) => void) {
    this.#port = port;
    this.#refused = refused;
  }

  /**
   * Opens the network for some hosts, as names, `*.suffix`, `*`, addresses or networks. Without any, both built-ins fail, and
   * `warn` is told once. @throws CommandError for what names no host
   */
  static async open(allowNet: readonly string[], warn: (message: string) => void): Promise<PolicyNetwork> {
    const refused = new Set<NetworkBuiltin>();
    const onRefused = (builtin: NetworkBuiltin): void => {
      if (refused.has(builtin)) return;
      refused.add(builtin);
      warn(`${builtin} was refused: name the hosts that policies may ask with --allow-net`);
    };
    if (allowNet.length === 0) return new PolicyNetwork(undefined, onRefused);
    // Sockets and name resolution are only loaded where somebody wants them.
    const { AllowedHostsError, createNetworkPort } = await import('@edict/server/network');
    try {
      return new PolicyNetwork(createNetworkPort({ allowedHosts: allowNet }), onRefused);
    } catch (error) {
      if (error instanceof AllowedHostsError) throw new CommandError(`--allow-net: ${messageOf(error)}`);
      throw error;
    }
  }

  /** What one evaluation knows of the network. */
  session(): PolicySession {
    return new PolicySession(this.#port, this.#refused);
  }

  [Symbol.dispose](): void {
    this.#port?.close();
  }
}

/** The network as one evaluation sees it: asked the same, it answers the same, also when it is evaluated once more. */
export class PolicySession {
  readonly session: NetworkSession;
  #isOver = false;

  constructor(port: NetworkPort | undefined, onRefused: (builtin: NetworkBuiltin) => void) {
    this.session = new NetworkSession({
      port: {
        send: (request, bounds): Promise<HttpAnswer> =>
          port === undefined || this.#isOver
            ? Promise.resolve({ ok: false, failure: { kind: 'internal', message: NOT_ASKED } })
            : port.send(request, bounds),
        lookup: (request, bounds): Promise<LookupAnswer> =>
          port === undefined || this.#isOver
            ? Promise.resolve({ ok: false, message: NOT_ASKED })
            : port.lookup(request, bounds),
      },
      allowedBuiltins: port === undefined ? [] : NETWORK_BUILTINS,
      onRefused,
    });
  }

  /** Evaluates, fetches what turns out to be missing, and evaluates again until nothing is. */
  async evaluate<T>(attempt: () => T): Promise<T> {
    this.session.evaluatedMs = 0;
    return await withNetwork(this.session, attempt);
  }

  /**
   * Evaluates once more, for what the user wants to know beside the answer: what has been asked is answered as before, and
   * nothing else is asked.
   */
  async replay<T>(attempt: () => T): Promise<T> {
    this.#isOver = true;
    return await this.evaluate(attempt);
  }
}

const NOT_ASKED = 'not asked: the evaluation that gave the answer did not ask it';
