import type { CivilTime } from './civil-time.ts';
import { DAYS, MONTHS, parseLayout, type LayoutElement } from './time-layout.ts';

/** Prints a time by a Go layout. `zoneName` is asked for only if the layout names the zone. */
export function formatTime(time: CivilTime, layout: string, zoneName: () => string): string {
  let result = '';
  for (const { prefix, element, text } of parseLayout(layout)) {
    result += prefix;
    if (element !== undefined) result += formatElement(time, element, text, zoneName);
  }
  return result;
}

function formatElement(time: CivilTime, element: LayoutElement, text: string, zoneName: () => string): string {
  switch (element) {
    case 'year2':
      return pad(((time.year % 100) + 100) % 100, 2);
    case 'year4':
      return time.year < 0 ? `-${pad(-time.year, 4)}` : pad(time.year, 4);
    case 'monthName':
      return MONTHS[time.month - 1] ?? '';
    case 'monthShort':
      return (MONTHS[time.month - 1] ?? '').slice(0, 3);
    case 'month':
      return String(time.month);
    case 'month2':
      return pad(time.month, 2);
    case 'dayName':
      return DAYS[time.weekday] ?? '';
    case 'dayShort':
      return (DAYS[time.weekday] ?? '').slice(0, 3);
    case 'day':
      return String(time.day);
    case 'dayPadded':
      return String(time.day).padStart(2, ' ');
    case 'day2':
      return pad(time.day, 2);
    case 'yearDayPadded':
      return String(time.yearDay).padStart(3, ' ');
    case 'yearDay3':
      return pad(time.yearDay, 3);
    case 'hour24':
      return pad(time.hour, 2);
    case 'hour12':
      return String(time.hour % 12 || 12);
    case 'hour12Padded':
      return pad(time.hour % 12 || 12, 2);
    case 'minute':
      return String(time.minute);
    case 'minute2':
      return pad(time.minute, 2);
    case 'second':
      return String(time.second);
    case 'second2':
      return pad(time.second, 2);
    case 'PM':
      return time.hour >= 12 ? 'PM' : 'AM';
    case 'pm':
      return time.hour >= 12 ? 'pm' : 'am';
    case 'zoneName':
      return zoneName();
    case 'fraction0':
      return text.slice(0, 1) + fraction(time, text.length - 1);
    case 'fraction9': {
      const digits = fraction(time, text.length - 1).replace(/0+$/, '');
      return digits === '' ? '' : text.slice(0, 1) + digits;
    }
    default:
      return formatOffset(time.offset, text);
  }
}

/** Prints an offset in the form that `text` shows: -07, -0700, -07:00, -07:00:00, or with Z for none. */
function formatOffset(offset: number, text: string): string {
  if (text.startsWith('Z') && offset === 0) return 'Z';
  const magnitude = Math.abs(offset);
  const parts = [Math.floor(magnitude / 3600), Math.floor(magnitude / 60) % 60, magnitude % 60];
  const separator = text.includes(':') ? ':' : '';
  const count = text.replace(/[^\d]/g, '').length / 2;
  const digits = parts.slice(0, count).map((part) => pad(part, 2));
  return `${offset < 0 ? '-' : '+'}${digits.join(separator)}`;
}

function fraction(time: CivilTime, count: number): string {
  return pad(time.nanosecond, 9).padEnd(count, '0').slice(0, count);
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
