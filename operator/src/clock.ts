export { systemClock, type Clock } from '@edict/protocol';

/** RFC 3339 in UTC, whole seconds, as Kubernetes writes times. */
export function rfc3339(ms: number): string {
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 in UTC with milliseconds, where durations are computed from the text. */
export function rfc3339Millis(ms: number): string {
  return new Date(ms).toISOString();
}
