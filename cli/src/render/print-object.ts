import { dump } from 'js-yaml';
import { printJson, type FleetOutput, type Io } from '../io.ts';

/** Prints `value` in a form for programs. */
export function printObject(io: Io, value: unknown, output: Exclude<FleetOutput, 'text'>): void {
  if (output === 'json') printJson(io, value);
  // By way of JSON: what is not there is not printed as nothing.
  else io.stdout(dump(JSON.parse(JSON.stringify(value)), { lineWidth: -1, noRefs: true }));
}
