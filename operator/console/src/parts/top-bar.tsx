import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { useClient, useConsoleState } from '../hooks.ts';
import { hrefOf, type Route } from '../route.ts';
import { applyTheme, nextTheme, storedTheme, storeTheme, type Theme } from '../theme-choice.ts';
import { State } from './state.tsx';

const THEME_NAMES: Readonly<Record<Theme, string>> = { auto: 'auto', light: 'light', dark: 'dark' };

/** Where one is, who one is, whether it is live. */
export function TopBar({ route }: { readonly route: Route }): JSX.Element {
  const client = useClient();
  const { session } = useConsoleState();
  return (
    <header class="bar">
      <div class="bar-inner">
        <a class="brand" href="#/">
          <img src="icon.svg" width="20" height="20" alt="" />
          Edict
        </a>
        <nav class="crumbs" aria-label="Breadcrumb">
          {session.status === 'in' ? <Crumbs route={route} /> : undefined}
        </nav>
        <div class="bar-end">
          {session.status === 'in' ? (
            <>
              <Live />
              <span class="who" title={session.who.user}>
                <span class="unseen">Signed in as </span>
                {session.who.user}
              </span>
            </>
          ) : undefined}
          <ThemeButton />
          {session.status === 'in' && session.who.by !== 'Proxy' ? (
            <button type="button" class="button plain" onClick={() => client.signOut()}>
              Sign out
            </button>
          ) : undefined}
        </div>
      </div>
    </header>
  );
}

function Live(): JSX.Element {
  const { connection } = useConsoleState();
  switch (connection.status) {
    case 'connecting':
      return <State tone="idle" text="Connecting" />;
    case 'live':
      return <State tone="good" text="Live" />;
    case 'lost':
      return <State tone="warn" text="Disconnected" />;
  }
}

function ThemeButton(): JSX.Element {
  const [theme, setTheme] = useState(() => storedTheme(localStorage));
  const change = (): void => {
    const next = nextTheme(theme);
    storeTheme(localStorage, next);
    applyTheme(document.documentElement, next);
    setTheme(next);
  };
  return (
    <button type="button" class="button plain" onClick={change}>
      Theme: {THEME_NAMES[theme]}
    </button>
  );
}

function Crumbs({ route }: { readonly route: Route }): JSX.Element {
  const links: (readonly [href: string, text: string])[] = [['#/', 'Policy sets']];
  if ('name' in route) {
    const { namespace, name } = route;
    links.push([hrefOf({ page: 'set', namespace, name, tab: 'rollout', query: {} }), `${namespace}/${name}`]);
    if (route.page === 'pdp')
      links.push(
        [hrefOf({ page: 'set', namespace, name, tab: 'fleet', query: {} }), 'fleet'],
        [hrefOf(route), route.node],
      );
    if (route.page === 'revision')
      links.push(
        [hrefOf({ page: 'set', namespace, name, tab: 'history', query: {} }), 'history'],
        [hrefOf(route), `revision ${route.n}`],
      );
  }
  return (
    <ol>
      {links.map(([href, text], index) => (
        <li key={href}>
          <a href={href} {...(index === links.length - 1 ? { 'aria-current': 'page' } : {})}>
            {text}
          </a>
        </li>
      ))}
    </ol>
  );
}
