/** Tabs of a set's page. */
export const SET_TABS = ['rollout', 'fleet', 'history', 'diff'] as const;
export type SetTab = (typeof SET_TABS)[number];

/** What the page shows; the address says all of it, so that it can be sent to somebody. */
export type Route =
  | { readonly page: 'overview'; readonly query: Query }
  | {
      readonly page: 'set';
      readonly namespace: string;
      readonly name: string;
      readonly tab: SetTab;
      readonly query: Query;
    }
  | { readonly page: 'revision'; readonly namespace: string; readonly name: string; readonly n: number }
  | { readonly page: 'pdp'; readonly namespace: string; readonly name: string; readonly node: string }
  | { readonly page: 'unknown' };

/** Filters and choices. */
export type Query = Readonly<Record<string, string>>;

/** Reads the part of an address behind `#`. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#/, '').split('?');
  const parts = path.split('/').filter((part) => part !== '');
  const decoded = parts.map(decode);
  if (decoded.includes(undefined)) return { page: 'unknown' };
  const [root, namespace, name, tab = 'rollout', item] = decoded as readonly string[];
  const query: Query = Object.fromEntries(new URLSearchParams(search));
  if (root === undefined) return { page: 'overview', query };
  if (root !== 'sets' || namespace === undefined || name === undefined || parts.length > 5) return { page: 'unknown' };
  if (item === undefined) {
    const known = SET_TABS.find((each) => each === tab);
    return known === undefined ? { page: 'unknown' } : { page: 'set', namespace, name, tab: known, query };
  }
  if (tab === 'fleet') return { page: 'pdp', namespace, name, node: item };
  if (tab === 'history' && /^[1-9][0-9]{0,15}$/.test(item))
    return { page: 'revision', namespace, name, n: Number(item) };
  return { page: 'unknown' };
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** The address of a route; the inverse of `parseRoute`. Choices that are empty are left out. */
export function hrefOf(route: Exclude<Route, { page: 'unknown' }>): string {
  const path = `#/${pathOf(route).map(encodeURIComponent).join('/')}`;
  const chosen = 'query' in route ? Object.entries(route.query).filter(([, value]) => value !== '') : [];
  const search = new URLSearchParams(chosen).toString();
  return search === '' ? path : `${path}?${search}`;
}

function pathOf(route: Exclude<Route, { page: 'unknown' }>): readonly string[] {
  switch (route.page) {
    case 'overview':
      return [];
    case 'set':
      return ['sets', route.namespace, route.name, ...(route.tab === 'rollout' ? [] : [route.tab])];
    case 'revision':
      return ['sets', route.namespace, route.name, 'history', String(route.n)];
    case 'pdp':
      return ['sets', route.namespace, route.name, 'fleet', route.node];
  }
}
