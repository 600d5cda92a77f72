import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { ConsoleClient, ConsoleState } from './client/console-client.ts';
import { ApiProblem, unreachable } from './client/problem.ts';
import { Refresher } from './client/refresher.ts';

/** The client of the page; there is one. */
export const ClientContext = createContext<ConsoleClient | undefined>(undefined);

/** Throws outside of the page. */
export function useClient(): ConsoleClient {
  const client = useContext(ClientContext);
  if (client === undefined) throw new Error('there is no client');
  return client;
}

/** Draws again whenever the state changes. */
export function useConsoleState(): ConsoleState {
  const client = useClient();
  const [state, setState] = useState(client.state);
  useEffect(() => {
    setState(client.state);
    return client.subscribe(() => setState(client.state));
  }, [client]);
  return state;
}

/** Draws again once a second; returns the operator's clock. */
export function useOperatorNow(): number {
  const client = useClient();
  const [now, setNow] = useState(() => client.operatorNow());
  useEffect(() => {
    const timer = setInterval(() => setNow(client.operatorNow()), 1000);
    return () => clearInterval(timer);
  }, [client]);
  return now;
}

/** Name of the user; empty while nobody is signed in. */
export function useUser(): string {
  const { session } = useConsoleState();
  return session.status === 'in' ? session.who.user : '';
}

/** What was asked for, as far as it is known. */
export interface Resource<T> {
  /** The last good answer; it stays while a newer one is asked for, or cannot be had. */
  readonly data: T | undefined;
  readonly problem: ApiProblem | undefined;
}

/**
 * Asks for a path, again whenever `change` differs from before, and `everyMs` after each answer if that is given. Another path
 * starts anew.
 */
export function useResource<T extends { readonly now: string }>(
  path: string,
  change: number,
  everyMs?: number,
): Resource<T> {
  const client = useClient();
  const [answer, setAnswer] = useState<{ path: string; data?: T; problem?: ApiProblem }>({ path });
  const refresher = useRef<Refresher>(undefined);
  useEffect(() => {
    const ask = async (signal: AbortSignal): Promise<boolean> => {
      try {
        const data = await client.api.get<T>(path, signal);
        if (signal.aborted) return false;
        client.tellTime(data.now);
        setAnswer({ path, data });
        return false;
      } catch (cause) {
        if (signal.aborted) return false;
        const problem = cause instanceof ApiProblem ? cause : unreachable(cause);
        if (problem.status === 401) client.unauthenticated();
        setAnswer((before) => (before.path === path ? { ...before, problem } : { path, problem }));
        return problem.mayPass;
      }
    };
    const made = new Refresher({ ...client.timing, ask, ...(everyMs === undefined ? {} : { everyMs }) });
    refresher.current = made;
    return () => made.stop();
  }, [client, path, everyMs]);
  useEffect(() => refresher.current?.poke(), [client, path, change, everyMs]);
  const current = answer.path === path ? answer : undefined;
  return { data: current?.data, problem: current?.problem };
}

/** How often something of this set was told of: for `useResource`. */
export function useChanges(namespace: string, name: string): number {
  return useConsoleState().changes.get(`${namespace}/${name}`) ?? 0;
}
