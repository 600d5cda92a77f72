import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { oneUnit } from '../format.ts';
import { useClient, useConsoleState } from '../hooks.ts';
import { Note } from './note.tsx';

/** Draws again once a second; returns the page's own clock. */
function useOwnNow(isOn: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isOn) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [isOn]);
  return now;
}

/** While the stream is lost: that it is, since when, how old the data are, and when it is tried again. */
export function Connected(): JSX.Element | null {
  const client = useClient();
  const { connection, heardAt, sets, listProblem } = useConsoleState();
  const isLost = connection.status === 'lost';
  const now = useOwnNow(isLost);
  if (listProblem !== undefined && sets !== undefined)
    return (
      <Note tone="warn" isAlert>
        The list of sets may be old: {listProblem.message}.
      </Note>
    );
  if (!isLost) return null;
  const age = heardAt === 0 ? 'Nothing was heard yet.' : `What you see is ${oneUnit(now - heardAt)} old.`;
  const seconds = Math.max(0, Math.ceil((connection.retryAt - now) / 1000));
  return (
    <Note
      tone="warn"
      end={
        <button type="button" class="button" onClick={() => client.retryNow()}>
          Try now
        </button>
      }
    >
      <strong>Disconnected for {oneUnit(now - connection.since)}.</strong> {age} Reason: {connection.why}.{' '}
      <span class="quiet">{seconds === 0 ? 'Trying …' : `Next try in ${seconds} s.`}</span>
    </Note>
  );
}
