import type { JSX } from 'preact';
import type { SetSummary } from '../../../src/console/wire.ts';
import { plural } from '../format.ts';
import { useConsoleState } from '../hooks.ts';
import { Meter } from '../parts/meter.tsx';
import { ProblemNote } from '../parts/note.tsx';
import { Empty } from '../parts/panel.tsx';
import { State } from '../parts/state.tsx';
import { Time } from '../parts/time.tsx';
import { hrefOf, type Query } from '../route.ts';
import { countedRevision, HEALTH, headlineOf } from '../words.ts';

const HEALTHS = ['Failed', 'Waiting', 'Progressing', 'Unknown', 'Good'] as const;

/** All sets that the user may see. */
export function Overview({ query }: { readonly query: Query }): JSX.Element {
  const { sets, isPartial, listProblem } = useConsoleState();
  const all = [...(sets?.values() ?? [])].sort(byName);
  const health = HEALTHS.find((each) => each === query['health']);
  const words = (query['q'] ?? '').toLowerCase();
  const shown = all.filter(
    (set) =>
      (health === undefined || set.health === health) && `${set.namespace}/${set.name}`.toLowerCase().includes(words),
  );
  return (
    <>
      <div class="page-head">
        <h1 tabIndex={-1}>Policy sets</h1>
      </div>
      <p class="lead">{sets === undefined || all.length === 0 ? ' ' : summaryOf(all)}</p>
      {sets === undefined && listProblem !== undefined ? (
        <ProblemNote problem={listProblem} isOld={false} />
      ) : undefined}
      {sets === undefined && listProblem === undefined ? <p role="status">Loading the sets …</p> : undefined}
      {sets === undefined ? undefined : (
        <div class="panel">
          {all.length === 0 ? <NoSets isPartial={isPartial} /> : <Filters all={all} query={query} />}
          {all.length > 0 && shown.length === 0 ? (
            <Empty>
              <p>
                No set is like that. <a href="#/">Show all</a>
              </p>
            </Empty>
          ) : undefined}
          {shown.length > 0 ? <SetTable sets={shown} /> : undefined}
        </div>
      )}
      {isPartial && all.length > 0 ? (
        <p class="quiet">There are sets in other namespaces that you may not see.</p>
      ) : undefined}
    </>
  );
}

function byName(a: SetSummary, b: SetSummary): number {
  return a.namespace.localeCompare(b.namespace) || a.name.localeCompare(b.name);
}

function summaryOf(sets: readonly SetSummary[]): string {
  const counts = HEALTHS.map((health) => [health, sets.filter((set) => set.health === health).length] as const)
    .filter(([, count]) => count > 0)
    .map(([health, count]) => `${count} ${HEALTH[health].text.toLowerCase()}`);
  return [plural(sets.length, 'set'), ...counts].join(' · ');
}

function NoSets({ isPartial }: { readonly isPartial: boolean }): JSX.Element {
  return (
    <Empty>
      {isPartial ? (
        <p>There are sets, but none that you may see. You need the right to list policysets in their namespace.</p>
      ) : (
        <>
          <p>There is no policy set yet.</p>
          <p>
            Apply a PolicyDomain: a set named <code>default</code> is made in its namespace, and appears here by itself.
          </p>
        </>
      )}
    </Empty>
  );
}

function Filters({ all, query }: { readonly all: readonly SetSummary[]; readonly query: Query }): JSX.Element {
  const go = (change: Query): void => {
    location.replace(hrefOf({ page: 'overview', query: { ...query, ...change } }));
  };
  return (
    <form class="filters" role="search" aria-label="Filter the sets" onSubmit={(event) => event.preventDefault()}>
      <label class="field">
        <span>State</span>
        <select value={query['health'] ?? ''} onChange={(event) => go({ health: event.currentTarget.value })}>
          <option value="">All ({all.length})</option>
          {HEALTHS.map((health) => (
            <option key={health} value={health}>
              {HEALTH[health].text} ({all.filter((set) => set.health === health).length})
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>Name</span>
        <input type="search" value={query['q'] ?? ''} onInput={(event) => go({ q: event.currentTarget.value })} />
      </label>
    </form>
  );
}

function SetTable({ sets }: { readonly sets: readonly SetSummary[] }): JSX.Element {
  return (
    <table class="cards">
      <caption class="unseen">Policy sets</caption>
      <thead>
        <tr>
          <th scope="col">Set</th>
          <th scope="col">State</th>
          <th scope="col" class="num">
            Committed
          </th>
          <th scope="col" class="num">
            Newest
          </th>
          <th scope="col">PDPs</th>
          <th scope="col">Mode</th>
          <th scope="col">Since</th>
        </tr>
      </thead>
      <tbody>
        {sets.map((set) => (
          <tr key={set.uid}>
            <th scope="row" class="wrap">
              <a href={hrefOf({ page: 'set', namespace: set.namespace, name: set.name, tab: 'rollout', query: {} })}>
                {set.namespace}/{set.name}
              </a>
            </th>
            <td data-head="State">
              <div>
                <State {...HEALTH[set.health]} />
                <div class="quiet wrap">{headlineOf(set)}</div>
              </div>
            </td>
            <td data-head="Committed" class="num">
              {set.committed === 0 ? 'none' : set.committed}
            </td>
            <td data-head="Newest" class="num">
              {set.desired === 0 ? 'none' : set.desired}
            </td>
            <td data-head="PDPs">
              <div>
                <Meter part={set.pdps.active} whole={set.pdps.required} label="PDPs" />
                {set.pdps.required === 0 ? undefined : <div class="quiet">serve {countedRevision(set)}</div>}
              </div>
            </td>
            <td data-head="Mode">{set.mode}</td>
            <td data-head="Since">{set.since === undefined ? undefined : <Time at={set.since} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
