const NUMBER = new Intl.NumberFormat('en');

/** `1 PDP`, `1,000 PDPs`; the plural is the word with an s unless another is given. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** With separators: `12,000`. */
export function number(value: number): string {
  return NUMBER.format(value);
}

/** `38 ms`, `4.1 s`, `2 min 5 s`, `3 h 10 min`, `2 d 4 h`: two units at most. Negative counts as nothing. */
export function duration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return units(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return units(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.floor(minutes / 60);
  return units(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function units(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** How long ago, or how far ahead, in one unit: `now`, `12 s ago`, `5 min ago`, `in 2 h`. */
export function relativeTime(at: number, now: number): string {
  const distance = Math.abs(now - at);
  if (distance < 1000) return 'now';
  const text = oneUnit(distance);
  return at <= now ? `${text} ago` : `in ${text}`;
}

/** An age or a distance in one unit, rounded down. */
export function oneUnit(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

const pad = (value: number): string => String(value).padStart(2, '0');

/** `2026-11-21 22:05:09` in the reader's own time zone. */
export function absoluteTime(at: number): string {
  const date = new Date(at);
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** A share for people: `0 %`, `0.4 %`, `12 %`. Nothing of nothing is `–`. */
export function percentage(part: number, whole: number): string {
  if (whole === 0) return '–';
  const percent = (part / whole) * 100;
  if (percent > 0 && percent < 0.1) return '< 0.1 %';
  return `${percent < 10 && percent % 1 !== 0 ? percent.toFixed(1) : Math.round(percent)} %`;
}

/** The first letters of a digest, which tell contents apart. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}

/** A message to the user it is about: the API names the user, as its answers are logged, too. */
export function addressed(message: string, user: string): string {
  const about = `${user} may not `;
  return message.startsWith(about) ? `You may not ${message.slice(about.length)}` : capital(message);
}

/** Begins a sentence. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
