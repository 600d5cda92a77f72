import type { OperatorMessage, PdpMessage } from '../messages.ts';
import type { AcceptStream } from '../transport/accept.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import type { MessageStream, StreamClose, StreamHandlers } from '../transport/stream.ts';
import { decodeOperatorMessage, decodePdpMessage, encodeOperatorMessage, encodePdpMessage } from '../wire/codec.ts';
import type { World } from './world.ts';

/** Something that accepts streams. */
export interface Listener {
  readonly name: string;
  readonly isServing: boolean;
  readonly accept: AcceptStream;
}

interface Connection {
  readonly id: number;
  readonly pdp: string;
  readonly operator: string;
  pdpHandlers: StreamHandlers<OperatorMessage> | undefined;
  operatorHandlers: StreamHandlers<PdpMessage> | undefined;
  toPdpAt: number;
  toOperatorAt: number;
  waiting: number;
}

/** Messages and bytes that went one way. */
export interface Traffic {
  messages: number;
  bytes: number;
  largest: number;
}

/** How long a parted or dead way keeps its ends in the belief that the stream is alive, at least. */
const UNREACHABLE_MS = 400;

/** Streams with loss, duplication, reordering, delay, partitions and readers that are slow. */
export class SimNetwork {
  readonly #world: World;
  readonly #parted = new Set<string>();
  readonly #connections = new Set<Connection>();
  readonly toPdps: Traffic = { messages: 0, bytes: 0, largest: 0 };
  readonly toOperators: Traffic = { messages: 0, bytes: 0, largest: 0 };
  #counter = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Nothing passes between the two any more; the name of an end alone parts it from everyone. */
  part(pdp: string, operator = '*'): void {
    this.#parted.add(`${pdp}|${operator}`);
    this.#world.note('network', () => `${pdp} and ${operator} parted`);
  }

  heal(): void {
    if (this.#parted.size > 0) this.#world.note('network', () => 'healed');
    this.#parted.clear();
  }

  #isParted(pdp: string, operator: string): boolean {
    if (this.#parted.size === 0) return false;
    return this.#parted.has(`${pdp}|${operator}`) || this.#parted.has(`${pdp}|*`) || this.#parted.has(`*|${operator}`);
  }

  /** Opens a stream to `listener`, or ends it at once if nobody can be reached. */
  dial(identity: PeerIdentity, listener: Listener | undefined, handlers: StreamHandlers<OperatorMessage>) {
    this.#counter += 1;
    const connection: Connection = {
      id: this.#counter,
      pdp: identity.podName,
      operator: listener?.name ?? 'nobody',
      pdpHandlers: handlers,
      operatorHandlers: undefined,
      toPdpAt: 0,
      toOperatorAt: 0,
      waiting: 0,
    };
    this.#connections.add(connection);
    const { time } = this.#world;
    time.after(this.#world.delay(), () => {
      if (connection.pdpHandlers === undefined) return;
      if (listener?.isServing !== true || this.#isParted(connection.pdp, listener.name)) {
        time.after(UNREACHABLE_MS, () => {
          this.#endPdp(connection, { code: 'Unavailable', reason: 'nobody can be reached' });
        });
        return;
      }
      connection.operatorHandlers = listener.accept(identity, this.#operatorEnd(connection));
      connection.operatorHandlers.onOpen();
      handlers.onOpen();
    });
    return this.#pdpEnd(connection);
  }

  #pdpEnd(connection: Connection): MessageStream<PdpMessage> {
    return {
      send: (message) => {
        if (connection.pdpHandlers === undefined) return true;
        const arriving = this.#world.profile.encoded ? this.#encoded(message, this.toOperators) : message;
        this.#deliver(connection, 'toOperatorAt', () => connection.operatorHandlers?.onMessage(arriving as PdpMessage));
        return true;
      },
      close: (close) => {
        if (connection.pdpHandlers === undefined) return;
        const { pdpHandlers } = connection;
        connection.pdpHandlers = undefined;
        this.#whenReached(connection, () => {
          this.#endOperator(connection, close);
        });
        this.#world.time.after(0, () => {
          pdpHandlers.onClose(close);
        });
      },
    };
  }

  #operatorEnd(connection: Connection): MessageStream<OperatorMessage> {
    return {
      send: (message) => {
        if (connection.operatorHandlers === undefined) return true;
        const arriving = this.#world.profile.encoded ? this.#encoded(message, this.toPdps) : message;
        this.#deliver(connection, 'toPdpAt', () => connection.pdpHandlers?.onMessage(arriving as OperatorMessage));
        return this.#hasRoom(connection);
      },
      close: (close) => {
        if (connection.operatorHandlers === undefined) return;
        const { operatorHandlers } = connection;
        connection.operatorHandlers = undefined;
        this.#whenReached(connection, () => {
          this.#endPdp(connection, close);
        });
        this.#world.time.after(0, () => {
          operatorHandlers.onClose(close);
        });
      },
    };
  }

  #encoded(message: PdpMessage | OperatorMessage, traffic: Traffic): PdpMessage | OperatorMessage {
    const toOperator = traffic === this.toOperators;
    const bytes = toOperator
      ? encodePdpMessage(message as PdpMessage)
      : encodeOperatorMessage(message as OperatorMessage);
    traffic.messages += 1;
    traffic.bytes += bytes.length;
    traffic.largest = Math.max(traffic.largest, bytes.length);
    return toOperator ? decodePdpMessage(bytes) : decodeOperatorMessage(bytes);
  }

  #hasRoom(connection: Connection): boolean {
    if (!this.#world.strikes(this.#world.profile.slowReader)) return true;
    connection.waiting += 1;
    this.#world.time.after(this.#world.delay(4000), () => {
      connection.waiting -= 1;
      if (connection.waiting === 0) connection.operatorHandlers?.onDrain();
    });
    return false;
  }

  #deliver(connection: Connection, way: 'toPdpAt' | 'toOperatorAt', deliver: () => void): void {
    const { profile, time, faults } = this.#world;
    const lost = this.#world.strikes(profile.loss) || this.#isParted(connection.pdp, connection.operator);
    const copies = this.#world.strikes(profile.duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      let at = time.now + this.#world.delay();
      if (!profile.reorder || !faults) at = Math.max(at, connection[way] + 0.001);
      connection[way] = Math.max(connection[way], at);
      if (!lost) time.after(at - time.now, deliver);
    }
  }

  /** The other side learns of an end later, or by silence if the way is parted. */
  #whenReached(connection: Connection, task: () => void): void {
    if (this.#isParted(connection.pdp, connection.operator)) return;
    this.#world.time.after(this.#world.delay(), task);
  }

  #endPdp(connection: Connection, close: StreamClose): void {
    const { pdpHandlers } = connection;
    connection.pdpHandlers = undefined;
    this.#forget(connection);
    pdpHandlers?.onClose(close);
  }

  #endOperator(connection: Connection, close: StreamClose): void {
    const { operatorHandlers } = connection;
    connection.operatorHandlers = undefined;
    this.#forget(connection);
    operatorHandlers?.onClose(close);
  }

  #forget(connection: Connection): void {
    if (connection.pdpHandlers === undefined && connection.operatorHandlers === undefined) {
      this.#connections.delete(connection);
    }
  }

  /** The process at one end dies: it hears nothing more, and the other end learns of it as of any close. */
  died(name: string): void {
    const close: StreamClose = { code: 'Unavailable', reason: 'the peer died' };
    for (const connection of this.#connections) {
      if (connection.pdp === name && connection.pdpHandlers !== undefined) {
        connection.pdpHandlers = undefined;
        this.#whenReached(connection, () => {
          this.#endOperator(connection, close);
        });
      }
      if (connection.operator === name && connection.operatorHandlers !== undefined) {
        connection.operatorHandlers = undefined;
        this.#whenReached(connection, () => {
          this.#endPdp(connection, close);
        });
      }
      this.#forget(connection);
    }
  }
}
