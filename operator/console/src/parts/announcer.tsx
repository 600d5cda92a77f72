import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useConsoleState } from '../hooks.ts';
import type { Route } from '../route.ts';
import { headlineOf } from '../words.ts';

/** Progress comes faster than anybody can listen. */
const PAUSE_MS = 4000;

/** Tells screen readers how the set that is looked at, or the connection, has changed. */
export function Announcer({ route }: { readonly route: Route }): JSX.Element {
  const { sets, connection, session } = useConsoleState();
  const set = 'name' in route ? sets?.get(`${route.namespace}/${route.name}`) : undefined;
  const lost = session.status === 'in' && connection.status === 'lost';
  const text = lost ? 'Disconnected from the operator.' : set === undefined ? '' : `${set.name}: ${headlineOf(set)}`;
  const [said, setSaid] = useState('');
  const saidAt = useRef(-PAUSE_MS);
  useEffect(() => {
    const timer = setTimeout(
      () => {
        saidAt.current = performance.now();
        setSaid(text);
      },
      Math.max(0, saidAt.current + PAUSE_MS - performance.now()),
    );
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <div class="unseen" role="status" aria-label="Progress">
      {said}
    </div>
  );
}
