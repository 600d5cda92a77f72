import type { RouteRequest } from './route.ts';

/** So long many questions of one request may keep other requests waiting before these get their turn. */
const SLICE_MS = 5;

/** Whether all that was to be visited was. What an interrupted visit has gathered is no answer. */
export type SlicesEnd = 'whole' | 'interrupted';

/**
 * Goes through questions one after the other, letting other requests in between. `visit` says whether to go on; what is left
 * is left, too, when the client is told by `onClosed` to be gone: `interrupted`.
 */
export async function inSlices<T>(
  items: readonly T[],
  onClosed: RouteRequest['onClosed'],
  visit: (item: T, index: number) => boolean | Promise<boolean>,
): Promise<SlicesEnd> {
  const client = { gone: false };
  onClosed(() => (client.gone = true));
  let sinceMs = performance.now();
  for (const [index, item] of items.entries()) {
    const more = visit(item, index);
    if (!(more instanceof Promise ? await more : more)) return 'whole';
    if (performance.now() - sinceMs < SLICE_MS) continue;
    await new Promise((resolve) => setImmediate(resolve));
    if (client.gone) return 'interrupted';
    sinceMs = performance.now();
  }
  return 'whole';
}
