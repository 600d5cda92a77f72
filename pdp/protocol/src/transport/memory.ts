import type { OperatorMessage, PdpMessage } from '../messages.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import type { AcceptStream } from './accept.ts';
import type { Dial, MessageStream, StreamClose, StreamHandlers } from './stream.ts';

/**
 * A dialler for a PDP in the operator's own process: the same messages, without sockets and encoding. Messages arrive in
 * later microtasks, in order, so that no handler runs inside another's call.
 */
export function dialInMemory(identity: PeerIdentity, accept: AcceptStream): Dial<PdpMessage, OperatorMessage> {
  return (pdpHandlers) => {
    let open = true;
    let operatorHandlers: StreamHandlers<PdpMessage> | undefined;
    const later = (task: () => void): void => {
      queueMicrotask(task);
    };
    const end = (close: StreamClose): void => {
      if (!open) return;
      open = false;
      later(() => {
        operatorHandlers?.onClose(close);
        pdpHandlers.onClose(close);
      });
    };
    const operatorEnd: MessageStream<OperatorMessage> = {
      send: (message) => {
        if (open) {
          later(() => {
            pdpHandlers.onMessage(message);
          });
        }
        return true;
      },
      close: end,
    };
    later(() => {
      if (!open) return;
      operatorHandlers = accept(identity, operatorEnd);
      operatorHandlers.onOpen();
      pdpHandlers.onOpen();
    });
    return {
      send: (message) => {
        if (open) {
          later(() => {
            operatorHandlers?.onMessage(message);
          });
        }
        return true;
      },
      close: end,
    };
  };
}
