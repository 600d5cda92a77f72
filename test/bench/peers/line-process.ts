import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { BenchPolicy } from '../policies.ts';
import { ruleOf, type LoadedPeer, type Peer } from './peer.ts';

/** A program that answers each line of JSON with one, in order: opa/main.go and regorus/src/main.rs say what they take. */
interface LineProcess {
  /** Rejects with what the program says, or if it ends before it answers. */
  readonly ask: (request: object) => Promise<Readonly<Record<string, unknown>>>;
  readonly close: () => Promise<void>;
}

/** The engine in `program`, as a peer: each policy gets a process of its own, which times itself. */
export function peerInProcess(name: string, program: string, form: string): Peer {
  return {
    name,
    load: async (policy): Promise<LoadedPeer> => {
      const child = start(program);
      const { source, inputs } = policy;
      const data = policy.readData();
      const loaded = await child.ask({ op: 'load', form, source, rule: ruleOf(policy), data, inputs });
      return {
        answers: loaded['answers'] as readonly unknown[],
        timeNs: async (count) => Number((await child.ask({ op: 'run', count }))['ns']),
        close: child.close,
      };
    },
  };
}

/** The policy as WebAssembly, compiled by OPA in `program`. */
export async function compileToWasm(program: string, policy: BenchPolicy): Promise<Uint8Array<ArrayBuffer>> {
  const child = start(program);
  const { wasm } = await child.ask({ op: 'wasm', source: policy.source, rule: ruleOf(policy) });
  await child.close();
  return new Uint8Array(Buffer.from(String(wasm), 'base64'));
}

function start(program: string): LineProcess {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    ask: async (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error(`${program} ended without an answer`);
      const answer = JSON.parse(line.value) as Readonly<Record<string, unknown>>;
      if (typeof answer['error'] === 'string') throw new Error(`${program}: ${answer['error']}`);
      return answer;
    },
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
