import type { JSX } from 'preact';
import { absoluteTime, relativeTime } from '../format.ts';
import { useOperatorNow } from '../hooks.ts';

/** A moment: how long ago, and in full below the pointer and for screen readers' details; with `full` both are seen. */
export function Time({ at, full = false }: { readonly at: string; readonly full?: boolean }): JSX.Element {
  const now = useOperatorNow();
  const moment = Date.parse(at);
  if (!Number.isFinite(moment)) return <span>{at}</span>;
  const absolute = absoluteTime(moment);
  return (
    <time dateTime={at} title={absolute} class="nowrap">
      {full ? `${absolute} (${relativeTime(moment, now)})` : relativeTime(moment, now)}
    </time>
  );
}
