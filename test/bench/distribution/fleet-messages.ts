/** One PDP to start: its pod's name, and the file of its token. */
export interface PdpSeed {
  readonly name: string;
  readonly tokenFile: string;
}

/** Where the operator's replicas are. A dial goes to one of them at random, as through a Service. */
export interface Endpoints {
  readonly streamPorts: readonly number[];
  readonly bundlesPort: number;
}

/** What the parent tells a process of PDPs. */
export type FleetRequest =
  | {
      readonly type: 'start';
      readonly pdps: readonly PdpSeed[];
      readonly endpoints: Endpoints;
      readonly caFile: string;
      readonly serverName: string;
      /** What the operator publishes of its keys. */
      readonly keys: string;
      /** PDPs are started so far apart. */
      readonly everyMs: number;
    }
  | { readonly type: 'endpoints'; readonly endpoints: Endpoints }
  | { readonly type: 'report'; readonly id: number }
  | { readonly type: 'stop' };

/** When one PDP got how far with one revision; milliseconds since the epoch. */
export interface Moments {
  readonly prepared?: number;
  readonly active?: number;
}

/** One PDP as it sees itself. */
export interface PdpReport {
  readonly name: string;
  /** When the stream that is open was welcomed; absent while there is none. */
  readonly welcomedAt?: number;
  /** How often it dialled. */
  readonly dials: number;
  /** Revision that it would answer by; 0 for none. */
  readonly active: number;
  /** True if a revision before was a newer one. */
  readonly wentBack: boolean;
  /** By revision. */
  readonly moments: Readonly<Record<number, Moments>>;
  readonly nacks: readonly string[];
}

/** What a process of PDPs answers. */
export interface FleetReport {
  readonly id: number;
  readonly pdps: readonly PdpReport[];
}
