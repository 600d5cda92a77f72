import { Counter, Gauge, type Registry } from 'prom-client';
import type { CarriedEnd } from '@edict/protocol';

/** Where the tunnels of a replica stand. */
export interface TunnelFigures {
  /** Of a follower: whether it has a tunnel to the leader, and what is in it. */
  readonly connected: boolean;
  readonly streams: number;
  readonly toLeaderBytes: number;
  readonly toPdpsBytes: number;
  /** Of the leader: tunnels that end here, and the streams in them. */
  readonly followers: number;
  readonly carried: number;
}

const NOTHING: TunnelFigures = {
  connected: false,
  streams: 0,
  toLeaderBytes: 0,
  toPdpsBytes: 0,
  followers: 0,
  carried: 0,
};

/** What tunnels count. */
export interface TunnelMetrics {
  readonly ended: (reason: CarriedEnd) => void;
  /** Whom the gauges ask. */
  readonly measure: (figures: () => TunnelFigures) => void;
}

/** The metrics in `registry`; 0 until somebody is measured. Their names are API (docs/metrics.md). */
export function createTunnelMetrics(registry: Registry): TunnelMetrics {
  const registers = [registry];
  let figures = (): TunnelFigures => NOTHING;
  new Gauge({
    name: 'operator_tunnel_connected',
    help: 'Of a follower: 1 while it carries streams to the leader.',
    registers,
    collect() {
      this.set(figures().connected ? 1 : 0);
    },
  });
  new Gauge({
    name: 'operator_tunnel_streams',
    help: 'Of a follower: streams of PDPs that it carries.',
    registers,
    collect() {
      this.set(figures().streams);
    },
  });
  new Gauge({
    name: 'operator_tunnel_followers',
    help: 'Of the leader: followers that carry streams to it.',
    registers,
    collect() {
      this.set(figures().followers);
    },
  });
  new Gauge({
    name: 'operator_tunnel_pdps',
    help: 'Of the leader: streams of PDPs that followers carry to it.',
    registers,
    collect() {
      this.set(figures().carried);
    },
  });
  new Gauge({
    name: 'operator_tunnel_waiting_bytes',
    help: 'Of a follower: bytes that wait for the leader, or for PDPs to read them.',
    labelNames: ['way'],
    registers,
    collect() {
      this.set({ way: 'leader' }, figures().toLeaderBytes);
      this.set({ way: 'pdp' }, figures().toPdpsBytes);
    },
  });
  const ended = new Counter({
    name: 'operator_tunnel_streams_ended_total',
    help: 'Of a follower: carried streams that it ended by itself.',
    labelNames: ['reason'],
    registers,
  });
  return {
    ended: (reason) => ended.inc({ reason }),
    measure: (of) => {
      figures = of;
    },
  };
}
