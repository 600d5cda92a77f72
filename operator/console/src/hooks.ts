import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { ConsoleClient, ConsoleState } from './client/console-client.ts';
import { ApiProblem, unreachable } from './client/problem.ts';

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

/** What was asked for, as far as it is known. */
export interface Resource<T> {
  /** The last good answer; it stays while a newer one is asked for, or cannot be had. */
  readonly data: T | undefined;
  readonly problem: ApiProblem | undefined;
  readonly isLoading: boolean;
}

/** Changes that come faster than this are answered by one question. */
const REFRESH_MIN_MS = 500;

/** Asks for a path, and again whenever `change` differs from before. Another path starts anew. */
export function useResource<T extends { readonly now: string }>(path: string, change: number): Resource<T> {
  const client = useClient();
  const [answer, setAnswer] = useState<{ path: string; data?: T; problem?: ApiProblem }>({ path });
  const askedAt = useRef({ path: '', at: 0 });
  useEffect(() => {
    const abort = new AbortController();
    const ask = (): void => {
      askedAt.current = { path, at: performance.now() };
      client.api.get<T>(path, abort.signal).then(
        (data) => {
          if (abort.signal.aborted) return;
          client.tellTime(data.now);
          setAnswer({ path, data });
        },
        (cause: unknown) => {
          if (abort.signal.aborted) return;
          const problem = cause instanceof ApiProblem ? cause : unreachable(cause);
          if (problem.status === 401) client.unauthenticated();
          setAnswer((before) => (before.path === path ? { ...before, problem } : { path, problem }));
        },
      );
    };
    const wait = askedAt.current.path === path ? askedAt.current.at + REFRESH_MIN_MS - performance.now() : 0;
    const timer = setTimeout(ask, Math.max(0, wait));
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [client, path, change]);
  const current = answer.path === path ? answer : undefined;
  return {
    data: current?.data,
    problem: current?.problem,
    isLoading: current?.data === undefined && current?.problem === undefined,
  };
}

/** How often something of this set was told of: for `useResource`. */
export function useChanges(namespace: string, name: string): number {
  return useConsoleState().changes.get(`${namespace}/${name}`) ?? 0;
}
