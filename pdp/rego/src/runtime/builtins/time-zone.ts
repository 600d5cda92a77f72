import { BoundedCache } from './bounded-cache.ts';
import { zoneAbbreviation } from './zone-abbreviations.ts';

/** A time zone: its offset and its name at an instant. Instants are nanoseconds since the epoch. */
export interface TimeZone {
  readonly name: string;
  /** Seconds east of UTC. */
  readonly offsetAt: (nanoseconds: bigint) => number;
  /** `CET`, `CEST`, `+03`: what tzdata calls the offset in force. */
  readonly abbreviationAt: (nanoseconds: bigint) => string;
}

/** UTC. */
export const UTC: TimeZone = { name: 'UTC', offsetAt: () => 0, abbreviationAt: () => 'UTC' };

/** How many time zones a process keeps (twice as many for a short time). */
export const ZONE_CACHE_SIZE = 100;

const zones = new BoundedCache<string, TimeZone>(ZONE_CACHE_SIZE);

/** The time zone of an IANA name, or undefined if there is none. `Local` is the zone of the host. */
export function findTimeZone(name: string): TimeZone | undefined {
  if (name === '' || name === 'UTC') return UTC;
  const known = zones.get(name);
  if (known !== undefined) return known;
  const zone = createZone(name === 'Local' ? new Intl.DateTimeFormat().resolvedOptions().timeZone : name);
  if (zone !== undefined) zones.set(name, zone);
  return zone;
}

function createZone(name: string): TimeZone | undefined {
  // Intl takes offsets and any case; the tz database does not.
  if (!/^[A-Z][A-Za-z0-9_+/-]*$/.test(name)) return undefined;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  } catch {
    return undefined;
  }
  const offsetAt = (nanoseconds: bigint): number => {
    const milliseconds = Number(nanoseconds / 1_000_000n) - (nanoseconds < 0n ? 1 : 0);
    return parseOffset(zoneName(format, milliseconds));
  };
  return {
    name,
    offsetAt,
    abbreviationAt: (nanoseconds) => zoneAbbreviation(name, nanoseconds, offsetAt),
  };
}

function zoneName(format: Intl.DateTimeFormat, milliseconds: number): string {
  return format.formatToParts(milliseconds).find((part) => part.type === 'timeZoneName')?.value ?? 'GMT';
}

/** Reads `GMT`, `GMT+05:30`, `GMT-00:01:15`. */
function parseOffset(text: string): number {
  const match = /^GMT([+-\u2212])(\d{2}):?(\d{2})?:?(\d{2})?$/.exec(text);
  if (match === null) return 0;
  const seconds = Number(match[2]) * 3600 + Number(match[3] ?? 0) * 60 + Number(match[4] ?? 0);
  return match[1] === '+' ? seconds : -seconds;
}
