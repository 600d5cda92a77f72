import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useConsoleState } from './hooks.ts';
import { PdpPage } from './pages/pdp-page.tsx';
import { Overview } from './pages/overview.tsx';
import { RevisionPage } from './pages/revision-page.tsx';
import { SetPage } from './pages/set-page.tsx';
import { Away, SignIn } from './pages/sign-in.tsx';
import { Announcer } from './parts/announcer.tsx';
import { Connected } from './parts/connected.tsx';
import { TopBar } from './parts/top-bar.tsx';
import { hrefOf, parseRoute, type Route } from './route.ts';

/** The whole page. */
export function App(): JSX.Element {
  const route = useRoute();
  const { session } = useConsoleState();
  const main = useRef<HTMLElement>(null);
  const place = placeOf(route);
  const before = useRef(place);
  useEffect(() => {
    document.title = titleOf(route);
    if (before.current === place) return;
    before.current = place;
    // Another page begins at its heading, for the eye and for the keyboard.
    scrollTo(0, 0);
    main.current?.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
  }, [place]);
  const skip = (event: Event): void => {
    event.preventDefault();
    main.current?.focus();
  };
  return (
    <>
      <a class="skip button" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <TopBar route={route} />
      <main class="main" id="main" tabIndex={-1} ref={main}>
        {session.status === 'asking' ? <p role="status">Asking the operator …</p> : undefined}
        {session.status === 'away' ? <Away problem={session.problem} /> : undefined}
        {session.status === 'out' ? <SignIn notice={session.notice} /> : undefined}
        {session.status === 'in' ? (
          <>
            <Connected />
            <Page route={route} />
          </>
        ) : undefined}
      </main>
      <Announcer route={route} />
    </>
  );
}

function Page({ route }: { readonly route: Route }): JSX.Element {
  switch (route.page) {
    case 'overview':
      return <Overview query={route.query} />;
    case 'set':
      return <SetPage {...route} key={`${route.namespace}/${route.name}`} />;
    case 'revision':
      return <RevisionPage {...route} key={placeOf(route)} />;
    case 'pdp':
      return <PdpPage {...route} key={placeOf(route)} />;
    case 'unknown':
      return (
        <>
          <h1 tabIndex={-1}>There is no such page</h1>
          <p>
            <a href="#/">All policy sets</a>
          </p>
        </>
      );
  }
}

function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const read = (): void => setRoute(parseRoute(location.hash));
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  return route;
}

/** Without filters: they change what is listed, not where one is. */
function placeOf(route: Route): string {
  return route.page === 'unknown' ? 'unknown' : hrefOf('query' in route ? { ...route, query: {} } : route);
}

function titleOf(route: Route): string {
  switch (route.page) {
    case 'overview':
      return 'Policy sets · Edict';
    case 'set':
      return `${route.namespace}/${route.name}, ${route.tab} · Edict`;
    case 'revision':
      return `${route.namespace}/${route.name} revision ${route.n} · Edict`;
    case 'pdp':
      return `${route.node} · Edict`;
    case 'unknown':
      return 'Edict';
  }
}
