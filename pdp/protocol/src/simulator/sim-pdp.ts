import type { Digest, NodeId, SetKey } from '../identifiers.ts';
import type { NodeTraits, PeerIdentity } from '../operator/identity.ts';
import type { DurableRecord, Slot } from '../pdp/state.ts';
import { describeRecord } from './describe.ts';
import type { Judge } from './judge.ts';
import type { Lie } from './liar.ts';
import { PdpProcess } from './pdp-process.ts';
import type { Listener, SimNetwork } from './sim-network.ts';
import { SIM_SET, type SimStore } from './sim-store.ts';
import type { World } from './world.ts';

/** What a PDP lives among. */
export interface SimPdpParts {
  readonly world: World;
  readonly store: SimStore;
  readonly network: SimNetwork;
  readonly listeners: () => readonly Listener[];
  readonly judge: Judge;
  /** What waves choose it by; absent: by chance of its number. */
  readonly traits?: NodeTraits;
}

/** One pod: a name, a disk that survives crashes, and one process after the other. */
export class SimPdp {
  readonly #parts: SimPdpParts;
  readonly name: string;
  readonly nodeId: NodeId;
  readonly traits: NodeTraits;
  readonly lie: Lie | undefined;
  readonly disk = new Map<SetKey, DurableRecord>();
  readonly bundles = new Set<Digest>();
  process: PdpProcess | undefined;
  gone = false;

  constructor(index: number, lie: Lie | undefined, parts: SimPdpParts) {
    this.#parts = parts;
    this.name = `pdp-${index}`;
    this.nodeId = `node-${index}`;
    this.lie = lie;
    this.traits = parts.traits ?? {
      labels: { tier: index % 3 === 0 ? 'gold' : 'plain' },
      zone: ['a', 'b', 'c'][index % 3] ?? 'a',
    };
  }

  /** One of those on which some policy cannot compile. */
  get isOdd(): boolean {
    return this.nodeId.endsWith('1');
  }

  get identity(): PeerIdentity {
    const { nodeId, name, traits } = this;
    return { nodeId, podName: name, namespace: 'default', serviceAccount: 'pdp', sets: [SIM_SET], traits };
  }

  /** Starts a process with what the disk holds. */
  start(): void {
    if (this.gone || this.process !== undefined) return;
    const { world, judge } = this.#parts;
    const records = new Map([...this.disk].map(([set, record]) => [set, this.#verified(record)] as const));
    world.note(this.name, () => `starts; disk: ${[...records.values()].map(describeRecord).join(' ') || 'empty'}`);
    judge.booting(this);
    this.process = new PdpProcess(this, this.#parts, records);
    this.process.start();
    world.unsettled = true;
  }

  /** Only slots whose bytes are all there, as the real loader leaves out what does not verify. */
  #verified({ active, staged, lkg, canary }: DurableRecord): DurableRecord {
    const whole = <T extends Slot>(slot: T | undefined): T | undefined =>
      slot?.manifest.bundles.every((digest) => this.bundles.has(digest)) === true ? slot : undefined;
    const [wholeStaged, wholeLkg, wholeCanary] = [whole(staged), whole(lkg), whole(canary)];
    const isPromiseServed = this.#parts.world.variant === 'serve-staged-from-disk' && wholeStaged !== undefined;
    const wholeActive = isPromiseServed ? wholeStaged : whole(active);
    return {
      ...(wholeActive === undefined ? {} : { active: wholeActive }),
      ...(wholeStaged === undefined ? {} : { staged: wholeStaged }),
      ...(wholeLkg === undefined ? {} : { lkg: wholeLkg }),
      ...(wholeCanary === undefined ? {} : { canary: wholeCanary }),
    };
  }

  /** The process dies; what it did not write is lost. */
  crash(why: string): void {
    if (this.process === undefined) return;
    const { world, network } = this.#parts;
    world.note(this.name, () => `crashes (${why})`);
    this.process.kill();
    this.process = undefined;
    network.died(this.name);
    if (this.gone) return;
    world.time.after(world.delay(5000), () => {
      this.start();
    });
  }

  /** The pod is deleted: process, disk and name never come back. */
  remove(): void {
    this.gone = true;
    this.crash('pod deleted');
  }
}
