import type { StreamClose } from '@edict/protocol';
import type { Elector, ElectorOptions } from '../election/elector.ts';

/** What the lead of a site is made of. */
export interface SiteLeadOptions {
  readonly identity: string;
  /** Runs for the Lease; see `createElector`. */
  readonly elect: (callbacks: Pick<ElectorOptions, 'onElected' | 'onLost'>) => Elector;
  /** This replica is the relay of the site from now on. Called once. */
  readonly lead: () => void;
  /** Another replica is: this one has to end, and may begin anew as one that waits. Called once. */
  readonly yield: (reason: string) => void;
}

/**
 * Which of several replicas is the relay of their site. A Lease says so, and nothing rests on it: whoever cannot renew it, since the
 * API server of the site is away, goes on until it sees that another holds it, or hears from the hub that another has dialled.
 * So a site does not lose its relay with its API server, and two that both believe to be it end as one.
 */
export class SiteLead {
  readonly #options: SiteLeadOptions;
  readonly #elector: Elector;
  #isLeading = false;
  #hasYielded = false;

  constructor(options: SiteLeadOptions) {
    this.#options = options;
    this.#elector = options.elect({
      onElected: () => {
        if (this.#isLeading) return;
        this.#isLeading = true;
        options.lead();
      },
      // Who does not know better goes on: see `look`.
      onLost: () => undefined,
    });
  }

  /** Begins to run for the Lease. */
  start(): void {
    this.#elector.start();
  }

  /** About once a second: looks whether another holds the Lease. */
  look(): void {
    const holder = this.#elector.leader();
    if (this.#isLeading && holder !== undefined && holder !== this.#options.identity) {
      this.#yield(`${holder} is the relay of the site now`);
    }
  }

  /** The stream to the hub has ended. */
  hubClosed({ reason }: StreamClose): void {
    if (reason.includes(TOOK_OVER) && !this.#elector.isLeader()) this.#yield(`the hub: ${reason}`);
  }

  /** Gives the Lease up, so that another takes over at once. */
  async stop(): Promise<void> {
    await this.#elector.stop();
  }

  #yield(reason: string): void {
    if (this.#hasYielded) return;
    this.#hasYielded = true;
    this.#options.yield(reason);
  }
}

/** How the operator's machine names the end of a stream whose site has a newer one. */
const TOOK_OVER = 'took over';
