import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { PDP_STATES, type PdpList, type PdpView } from '../../../src/console/wire.ts';
import { number, oneUnit, plural } from '../format.ts';
import { useOperatorNow, useResource } from '../hooks.ts';
import { Loaded } from '../parts/note.tsx';
import { Empty } from '../parts/panel.tsx';
import { State } from '../parts/state.tsx';
import { Time } from '../parts/time.tsx';
import { hrefOf, type Query } from '../route.ts';
import { PDPS } from '../words.ts';

const PAGE_SIZE = 50;
/** Leases and beats are no changes of the set: they are looked at this often. */
export const FLEET_REFRESH_MS = 5000;
/** Letters are waited for this long before the operator is asked. */
const TYPING_MS = 250;

interface FleetProps {
  readonly namespace: string;
  readonly name: string;
  readonly query: Query;
  readonly path: string;
  readonly change: number;
}

/** A page of the list, and the tokens by which it was reached. */
interface ListPage {
  readonly list: PdpList;
  readonly tokens: readonly string[];
}

/** All PDPs of a set, page by page: what each serves, holds, and waits for. */
export function FleetTab(props: FleetProps): JSX.Element {
  const { query, path, change } = props;
  const state = query['state'] ?? '';
  const q = query['q'] ?? '';
  // One for each page that was turned; the last is that of the page that is asked for.
  const [tokens, setTokens] = useState<readonly string[]>([]);
  useEffect(() => setTokens([]), [state, q]);
  const search = new URLSearchParams({ limit: String(PAGE_SIZE) });
  if (state !== '') search.set('state', state);
  if (q !== '') search.set('q', q);
  const token = tokens.at(-1);
  if (token !== undefined) search.set('continue', token);
  const list = useResource<PdpList>(`${path}/pdps?${search.toString()}`, change, FLEET_REFRESH_MS);
  const { data } = list;
  const shown = useLast(useMemo(() => (data === undefined ? undefined : { list: data, tokens }), [data, tokens]));
  return (
    <section class="panel" aria-label="Fleet" aria-busy={data === undefined && list.problem === undefined}>
      <Filters {...props} list={shown?.list} />
      <Loaded resource={{ ...list, data: shown }} what="the PDPs">
        {(page) => (
          <>
            {page.list.pdps.length === 0 ? (
              <NoPdps total={page.list.total} />
            ) : (
              <PdpTable {...props} pdps={page.list.pdps} />
            )}
            <Pages {...page} onTurn={setTokens} />
          </>
        )}
      </Loaded>
    </section>
  );
}

/** Keeps the last page until the next one is there, so that nothing jumps. */
function useLast<T>(value: T | undefined): T | undefined {
  const [last, setLast] = useState(value);
  useEffect(() => {
    if (value !== undefined) setLast(value);
  }, [value]);
  return value ?? last;
}

function NoPdps({ total }: { readonly total: number }): JSX.Element {
  return (
    <Empty>
      {total === 0 ? (
        <>
          <p>No PDP has connected for this set, and none is expected.</p>
          <p>PDPs are found by the labels in the set's spec.pdps.selector.</p>
        </>
      ) : (
        <p>None of the {plural(total, 'PDP')} is like that.</p>
      )}
    </Empty>
  );
}

function Filters({ namespace, name, query, list }: FleetProps & { readonly list: PdpList | undefined }): JSX.Element {
  const [typed, setTyped] = useState(query['q'] ?? '');
  const go = (change: Query): void => {
    location.replace(hrefOf({ page: 'set', namespace, name, tab: 'fleet', query: { ...query, ...change } }));
  };
  useEffect(() => {
    if (typed === (query['q'] ?? '')) return undefined;
    const timer = setTimeout(() => go({ q: typed }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <form class="filters" role="search" aria-label="Filter the PDPs" onSubmit={(event) => event.preventDefault()}>
      <label class="field">
        <span>State</span>
        <select value={query['state'] ?? ''} onChange={(event) => go({ state: event.currentTarget.value })}>
          <option value="">All{list === undefined ? '' : ` (${number(list.total)})`}</option>
          {PDP_STATES.map((state) => (
            <option key={state} value={state}>
              {PDPS[state].text}
              {list === undefined ? '' : ` (${number(list.byState[state] ?? 0)})`}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>Pod</span>
        <input type="search" value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
      </label>
      <p class="quiet" role="status">
        {list === undefined ? '' : `${plural(list.matching, 'PDP')} of ${number(list.total)}`}
      </p>
    </form>
  );
}

function PdpTable(props: FleetProps & { readonly pdps: readonly PdpView[] }): JSX.Element {
  const { namespace, name } = props;
  return (
    <div class="scroll">
      <table class="cards">
        <caption class="unseen">PDPs, worst state first</caption>
        <thead>
          <tr>
            <th scope="col">PDP</th>
            <th scope="col">State</th>
            <th scope="col" class="num">
              Serves
            </th>
            <th scope="col" class="num">
              Prepared
            </th>
            <th scope="col">Lease</th>
            <th scope="col">Heard</th>
            <th scope="col">Engine</th>
            <th scope="col">Reason</th>
          </tr>
        </thead>
        <tbody>
          {props.pdps.map((pdp) => (
            <tr key={pdp.nodeId}>
              <th scope="row" class="wrap">
                <a href={hrefOf({ page: 'pdp', namespace, name, node: pdp.nodeId })}>{pdp.pod}</a>
              </th>
              <td data-head="State" class="nowrap">
                <State {...PDPS[pdp.state]} />
              </td>
              <td data-head="Serves" class="num">
                {pdp.active === 0 ? 'nothing' : pdp.active}
                {pdp.canary === undefined ? undefined : (
                  <div class="quiet nowrap">
                    {pdp.canary.revision} to {pdp.canary.upTo / 100} %
                  </div>
                )}
              </td>
              <td data-head="Prepared" class="num">
                {pdp.staged === 0 ? '–' : pdp.staged}
              </td>
              <td data-head="Lease">{pdp.leaseUntil === undefined ? '–' : <Lease until={pdp.leaseUntil} />}</td>
              <td data-head="Heard">{pdp.lastBeatAt === undefined ? 'never' : <Time at={pdp.lastBeatAt} />}</td>
              <td data-head="Engine">{pdp.engine}</td>
              <td data-head="Reason" class="wrap">
                {pdp.nack?.text ?? pdp.reason}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** How long a lease lasts yet. */
export function Lease({ until }: { readonly until: string }): JSX.Element {
  const left = Date.parse(until) - useOperatorNow();
  return (
    <span class="nowrap">
      {left >= 0 ? `${oneUnit(left)} left` : <State tone="warn" text={`over ${oneUnit(-left)}`} />}
    </span>
  );
}

interface TurnProps {
  readonly onTurn: (tokens: readonly string[]) => void;
}

/** Turns from the page that is shown: one that is asked for has no rows to count yet, and no token of the next. */
function Pages({ list, tokens, onTurn }: ListPage & TurnProps): JSX.Element | null {
  const next = list.continue;
  if (tokens.length === 0 && next === undefined) return null;
  const first = tokens.length * PAGE_SIZE + 1;
  return (
    <nav class="pages" aria-label="Pages">
      <button
        type="button"
        class="button"
        aria-disabled={tokens.length === 0}
        onClick={() => onTurn(tokens.slice(0, -1))}
      >
        Previous
      </button>
      <button
        type="button"
        class="button"
        aria-disabled={next === undefined}
        onClick={() => (next === undefined ? undefined : onTurn([...tokens, next]))}
      >
        Next
      </button>
      <span class="quiet" role="status">
        {number(first)} to {number(first + list.pdps.length - 1)} of {number(list.matching)}
      </span>
    </nav>
  );
}
