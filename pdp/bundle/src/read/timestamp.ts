const date = String.raw`(\d{4})-(\d{1,2})-(\d{1,2})`;
const time = String.raw`(\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,](\d+))?`;
const zone = String.raw`(?:(Z)|([-+])(\d{2}):(\d{2}))`;
const formats = [
  new RegExp(`^${date}[Tt]${time}${zone}$`),
  new RegExp(`^${date} ${time}$`),
  new RegExp(`^${date}$`),
] as const;

/**
 * Reads the timestamps that yaml.v3 knows (`2024-01-15`, `2024-1-5T10:30:00.5Z`, `2024-01-15 10:30:00`) and prints them
 * as RFC 3339 with up to nine decimals and their own offset; a time without a zone is UTC. Anything else: undefined.
 */
export function parseTimestamp(text: string): string | undefined {
  for (const format of formats) {
    const match = format.exec(text);
    if (match === null) continue;
    const [, year = '', month = '', day = '', hour = '0', minute = '0', second = '0', fraction = ''] = match;
    const [, , , , , , , , , sign = '+', zoneHour = '0', zoneMinute = '0'] = match;
    const inRange =
      isDay(Number(year), Number(month), Number(day)) &&
      Number(hour) < 24 &&
      Number(minute) < 60 &&
      Number(second) < 60 &&
      Number(zoneHour) <= 24 &&
      Number(zoneMinute) < 60;
    if (!inRange) return undefined;
    const decimals = fraction.slice(0, 9).replace(/0+$/, '');
    const offset =
      Number(zoneHour) === 0 && Number(zoneMinute) === 0 ? 'Z' : `${sign}${two(zoneHour)}:${two(zoneMinute)}`;
    const clock = `${two(hour)}:${two(minute)}:${two(second)}${decimals === '' ? '' : `.${decimals}`}`;
    return `${year}-${two(month)}-${two(day)}T${clock}${offset}`;
  }
  return undefined;
}

function two(digits: string): string {
  return digits.padStart(2, '0');
}

function isDay(year: number, month: number, day: number): boolean {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
  return days !== undefined && day >= 1 && day <= days;
}
