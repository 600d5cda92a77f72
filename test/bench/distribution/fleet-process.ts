/** Many PDPs without engines in one process, each with its own connections and token; see `fleet.ts`. */
import { parseTrustedKeys } from '@edict/bundle';
import {
  createArtifactClient,
  createPdpClient,
  dialGrpc,
  PDP_DEFAULTS,
  StreamConnection,
  systemClock,
  type Dial,
  type OperatorMessage,
  type PdpClient,
  type PdpMessage,
} from '@edict/protocol';
import { epochMs } from '../../support/cluster-client.ts';
import type { Endpoints, FleetReport, FleetRequest, Moments, PdpReport, PdpSeed } from './fleet-messages.ts';
import { createLightPorts } from './light-ports.ts';

type StartRequest = Extract<FleetRequest, { type: 'start' }>;

interface Running {
  readonly report: () => PdpReport;
  readonly close: () => Promise<void>;
}

const running: Running[] = [];
let endpoints: Endpoints = { streamPorts: [], bundlesPort: 0 };

process.on('message', (request: FleetRequest) => {
  switch (request.type) {
    case 'start':
      endpoints = request.endpoints;
      startAll(request);
      return;
    case 'endpoints':
      endpoints = request.endpoints;
      return;
    case 'report':
      process.send?.({ id: request.id, pdps: running.map(({ report }) => report()) } satisfies FleetReport);
      return;
    case 'stop':
      void Promise.all(running.map(({ close }) => close())).finally(() => process.exit(0));
  }
});

function startAll(request: StartRequest): void {
  const trustedKeys = parseTrustedKeys(request.keys);
  request.pdps.forEach((seed, index) => {
    // Its timer keeps the process alive, which those of the clock do not.
    setTimeout(() => running.push(startPdp(seed, request, trustedKeys)), index * request.everyMs);
  });
}

function startPdp(seed: PdpSeed, request: StartRequest, trustedKeys: ReadonlyMap<string, string>): Running {
  const { caFile, serverName } = request;
  const connection = new StreamConnection();
  const artifacts = createArtifactClient({
    url: `https://127.0.0.1:${endpoints.bundlesPort}`,
    caFile,
    serverName,
    connection,
    clock: systemClock,
    random: Math.random,
  });
  const watch = new Watch(seed.name);
  const client: PdpClient = createPdpClient({
    config: { ...PDP_DEFAULTS, engine: { name: 'edict-light', version: '1', features: [] } },
    records: new Map(),
    ports: createLightPorts({ artifacts, trustedKeys }),
    dial: watch.over(
      dialGrpc({
        get address() {
          return `127.0.0.1:${pick(endpoints.streamPorts)}`;
        },
        caFile,
        tokenFile: seed.tokenFile,
        serverName,
        connection,
        clock: systemClock,
      }),
    ),
    clock: systemClock,
    random: Math.random,
    log: { info: () => undefined, warn: () => undefined },
  });
  client.start();
  return {
    report: () => watch.report(),
    close: async () => {
      await client.close();
      artifacts.close();
    },
  };
}

function pick(ports: readonly number[]): number {
  return ports[Math.floor(Math.random() * ports.length)] ?? 0;
}

/** Sees what one PDP says and is told, on the stream itself. */
class Watch {
  readonly #name: string;
  readonly #moments = new Map<number, Moments>();
  readonly #nacks: string[] = [];
  #welcomedAt: number | undefined;
  #dials = 0;
  #active = 0;
  #wentBack = false;

  constructor(name: string) {
    this.#name = name;
  }

  over(dial: Dial<PdpMessage, OperatorMessage>): Dial<PdpMessage, OperatorMessage> {
    return (handlers) => {
      this.#dials += 1;
      const stream = dial({
        ...handlers,
        onMessage: (message) => {
          if (message.type === 'Welcome') this.#welcomedAt ??= epochMs();
          handlers.onMessage(message);
        },
        onClose: (close) => {
          this.#welcomedAt = undefined;
          handlers.onClose(close);
        },
      });
      return {
        ...stream,
        send: (message) => {
          this.#said(message);
          return stream.send(message);
        },
        close: (close) => stream.close(close),
      };
    };
  }

  report(): PdpReport {
    return {
      name: this.#name,
      ...(this.#welcomedAt === undefined ? {} : { welcomedAt: this.#welcomedAt }),
      dials: this.#dials,
      active: this.#active,
      wentBack: this.#wentBack,
      moments: Object.fromEntries(this.#moments),
      nacks: this.#nacks,
    };
  }

  #said(message: PdpMessage): void {
    if (message.type === 'Nack') this.#nacks.push(`${message.phase} ${message.code}: ${message.detail.message}`);
    if (message.type === 'Prepared') this.#note(message.revision.n, { prepared: epochMs() });
    if (message.type === 'Active') {
      const { n } = message.revision;
      this.#wentBack ||= n < this.#active;
      this.#active = n;
      this.#note(n, { active: epochMs() });
    }
  }

  /** The first time counts: what is asked for again is said again. */
  #note(n: number, moments: Moments): void {
    this.#moments.set(n, { ...moments, ...this.#moments.get(n) });
  }
}
