import type { RouteRequest } from './route.ts';

/** So long many questions of one request may keep other requests waiting before these get their turn. */
const SLICE_MS = 5;

/**
 * Goes through questions one after the other, letting other requests in between. `visit` says whether to go on; what is left
 * is left when the client has gone.
 */
export async function inSlices<T>(
  items: readonly T[],
  onGone: RouteRequest['onGone'],
  visit: (item: T, index: number) => boolean | Promise<boolean>,
): Promise<void> {
  const client = { gone: false };
  onGone(() => (client.gone = true));
  let sinceMs = performance.now();
  for (const [index, item] of items.entries()) {
    const more = visit(item, index);
    if (!(more instanceof Promise ? await more : more)) return;
    if (performance.now() - sinceMs < SLICE_MS) continue;
    await new Promise((resolve) => setImmediate(resolve));
    if (client.gone) return;
    sinceMs = performance.now();
  }
}
