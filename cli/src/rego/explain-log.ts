import type { EventLog, LoggedEvent } from '@edict/rego/tools';
import { Embedded, type Report } from './report-json.ts';
import { oneLine, printValue } from './explain-tree.ts';

/** Kinds of explanation: a tree of what decided, or OPA's lists of events. */
export const EXPLAIN_MODES = ['off', 'tree', 'full', 'notes', 'fails', 'debug'] as const;
export type ExplainMode = (typeof EXPLAIN_MODES)[number];

/** Prints events in OPA's form: place, depth, operation, and what it is about; with values where asked. */
export function printEvents(events: readonly LoggedEvent[], withValues: boolean, dropped = 0): string {
  const places = events.map(
    ({ place: { location } }) => `${location.file === '' ? 'query' : location.file}:${location.row}`,
  );
  const width = Math.max(0, ...places.map((place) => place.length)) + 4;
  const lines = events.map((event, index) => {
    const values = withValues && event.values.length > 0 ? `   {${event.values.map(printPair).join(', ')}}` : '';
    return `${(places[index] ?? '').padEnd(width)} ${'| '.repeat(depthOf(event))}${event.operation} ${subject(event)}${values}`;
  });
  if (dropped > 0) lines.push(`… and ${dropped} events more`);
  return lines.map((line) => `${line}\n`).join('');
}

/** Events as JSON. */
export function eventsJson(events: readonly LoggedEvent[]): Report {
  return events.map((event): Report => ({
    op: event.operation,
    depth: depthOf(event),
    text: subject(event),
    location: { file: event.place.location.file, row: event.place.location.row, col: event.place.location.col },
    locals: new Embedded(Object.fromEntries(event.values.filter(([name]) => name !== ''))),
  }));
}

/** The events that a mode asks for. */
export function eventsOf(log: EventLog, mode: ExplainMode): readonly LoggedEvent[] {
  return log.events(mode === 'notes' || mode === 'fails' ? mode : 'full');
}

/** Literals stand one level deeper than the rule that holds them. */
function depthOf({ operation, depth }: LoggedEvent): number {
  return operation === 'Enter' || operation === 'Exit' ? depth : depth + 1;
}

function subject({ place, operation, message }: LoggedEvent): string {
  if (operation === 'Note') return JSON.stringify(message);
  return place.kind === 'rule' ? `data.${place.text}` : oneLine(place.text);
}

function printPair([name, value]: readonly [name: string, value: unknown]): string {
  return `${name === '' ? 'value' : oneLine(name)}: ${printValue(value)}`;
}
