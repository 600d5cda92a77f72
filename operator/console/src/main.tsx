import { render } from 'preact';
import { App } from './app.tsx';
import { ConsoleClient } from './client/console-client.ts';
import { ClientContext } from './hooks.ts';

const root = document.getElementById('app');
if (root === null) throw new Error('the page has no place for the console');

const client = new ConsoleClient({
  fetch: (input, init) => fetch(input, init),
  storage: sessionStorage,
  now: () => Date.now(),
  random: () => Math.random(),
  setTimer: (callback, delayMs) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
});
// The network is back: there is no reason to wait for the next try.
addEventListener('online', () => client.retryNow());
render(
  <ClientContext.Provider value={client}>
    <App />
  </ClientContext.Provider>,
  root,
);
void client.start();
