import type { OperatorMessage, PdpMessage } from '../messages.ts';
import type { SimOperator } from './sim-operator.ts';
import type { SimPdp } from './sim-pdp.ts';
import type { World } from './world.ts';

/** One stream between a PDP and a replica. Each end learns of the end of the other on its own. */
export interface Connection {
  readonly id: string;
  readonly pdp: SimPdp;
  readonly operator: SimOperator;
  pdpEnd: boolean;
  operatorEnd: boolean;
  toPdpAt: number;
  toOperatorAt: number;
}

/** Streams with loss, duplication, reordering, delay and partitions. */
export class SimNetwork {
  readonly #world: World;
  readonly #partitions = new Set<string>();
  readonly #connections = new Set<Connection>();
  #counter = 0;

  constructor(world: World) {
    this.#world = world;
  }

  #key(pdp: SimPdp, operator: SimOperator): string {
    return `${pdp.name}|${operator.name}`;
  }

  partition(pdp: SimPdp, operator: SimOperator): void {
    this.#partitions.add(this.#key(pdp, operator));
    this.#world.note('network', () => `${pdp.name} and ${operator.name} parted`);
  }

  heal(): void {
    if (this.#partitions.size > 0) this.#world.note('network', () => 'healed');
    this.#partitions.clear();
  }

  isParted(pdp: SimPdp, operator: SimOperator): boolean {
    return this.#partitions.has(this.#key(pdp, operator));
  }

  /** Opens a stream, unless the way is parted or nobody listens. */
  connect(pdp: SimPdp, operator: SimOperator): Connection | undefined {
    if (this.isParted(pdp, operator) || !operator.isServing) return undefined;
    this.#counter += 1;
    const id = `c${this.#counter}`;
    const connection: Connection = { id, pdp, operator, pdpEnd: true, operatorEnd: true, toPdpAt: 0, toOperatorAt: 0 };
    this.#connections.add(connection);
    return connection;
  }

  #deliver(connection: Connection, way: 'toPdpAt' | 'toOperatorAt', deliver: () => void): void {
    const { profile, time } = this.#world;
    const lost = this.#world.strikes(profile.loss) || this.isParted(connection.pdp, connection.operator);
    const copies = this.#world.strikes(profile.duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      let at = time.now + this.#world.delay();
      if (!profile.reorder || !this.#world.faults) at = Math.max(at, connection[way] + 0.001);
      connection[way] = Math.max(connection[way], at);
      if (!lost) time.after(at - time.now, deliver);
    }
  }

  toOperator(connection: Connection, message: PdpMessage): void {
    this.#deliver(connection, 'toOperatorAt', () => {
      if (connection.operatorEnd) connection.operator.receive(connection, message);
    });
  }

  toPdp(connection: Connection, message: OperatorMessage): void {
    this.#deliver(connection, 'toPdpAt', () => {
      if (connection.pdpEnd) connection.pdp.receive(connection, message);
    });
  }

  /** The PDP's end is closed; the other side learns of it later, or never if the way is parted. */
  closeFromPdp(connection: Connection): void {
    if (!connection.pdpEnd) return;
    connection.pdpEnd = false;
    if (this.isParted(connection.pdp, connection.operator)) return;
    this.#world.time.after(this.#world.delay(), () => {
      if (!connection.operatorEnd) return;
      connection.operatorEnd = false;
      this.#connections.delete(connection);
      connection.operator.closed(connection);
    });
  }

  closeFromOperator(connection: Connection): void {
    if (!connection.operatorEnd) return;
    connection.operatorEnd = false;
    if (this.isParted(connection.pdp, connection.operator)) return;
    this.#world.time.after(this.#world.delay(), () => {
      if (!connection.pdpEnd) return;
      connection.pdpEnd = false;
      this.#connections.delete(connection);
      connection.pdp.closed(connection);
    });
  }

  /** Every open stream of a replica. */
  ofOperator(operator: SimOperator): readonly Connection[] {
    return [...this.#connections].filter((connection) => connection.operator === operator && connection.operatorEnd);
  }
}
