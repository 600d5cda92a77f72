import type { JSX } from 'preact';
import type { SetDetail, SetSummary } from '../../../src/console/wire.ts';
import { duration } from '../format.ts';
import { useChanges, useConsoleState, useResource } from '../hooks.ts';
import { Actions } from '../parts/actions.tsx';
import { Loaded, Note } from '../parts/note.tsx';
import { State } from '../parts/state.tsx';
import { Time } from '../parts/time.tsx';
import { hrefOf, SET_TABS, type Query, type SetTab } from '../route.ts';
import { countedRevision, HEALTH, headlineOf } from '../words.ts';
import { DiffTab } from './diff-tab.tsx';
import { FleetTab } from './fleet-tab.tsx';
import { HistoryTab } from './history-tab.tsx';
import { RolloutTab } from './rollout-tab.tsx';

const TAB_NAMES: Readonly<Record<SetTab, string>> = {
  rollout: 'Rollout',
  fleet: 'Fleet',
  history: 'History',
  diff: 'Compare',
};

/** One set: where it stands, what can be done to it, and its four tabs. */
export function SetPage(props: {
  readonly namespace: string;
  readonly name: string;
  readonly tab: SetTab;
  readonly query: Query;
}): JSX.Element {
  const { namespace, name, tab, query } = props;
  const change = useChanges(namespace, name);
  const path = `sets/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
  const detail = useResource<SetDetail>(path, change);
  // The event carries the summary, so it is newer than the detail that is being asked for.
  const summary = useConsoleState().sets?.get(`${namespace}/${name}`) ?? detail.data?.summary;
  return (
    <>
      <div class="page-head">
        <h1 tabIndex={-1}>
          {namespace}/{name}
        </h1>
        {summary === undefined ? undefined : <State {...HEALTH[summary.health]} />}
      </div>
      <Loaded resource={detail} what="the set">
        {(set) => (
          <>
            <p class="lead">{headlineOf(summary ?? set.summary)}</p>
            <Requests set={set} />
            <Figures set={set} summary={summary ?? set.summary} />
            <Actions set={set} path={path} />
          </>
        )}
      </Loaded>
      {detail.data === undefined ? undefined : (
        <>
          <nav class="tabs" aria-label="Parts of the set">
            <ul>
              {SET_TABS.map((each) => (
                <li key={each}>
                  <a
                    href={hrefOf({ page: 'set', namespace, name, tab: each, query: {} })}
                    {...(each === tab ? { 'aria-current': 'page' as const } : {})}
                  >
                    {TAB_NAMES[each]}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <div class="sections">
            {tab === 'rollout' ? <RolloutTab set={detail.data} /> : undefined}
            {tab === 'fleet' ? <FleetTab {...props} path={path} change={change} /> : undefined}
            {tab === 'history' ? <HistoryTab {...props} path={path} change={change} /> : undefined}
            {tab === 'diff' ? <DiffTab {...props} path={path} change={change} query={query} /> : undefined}
          </div>
        </>
      )}
    </>
  );
}

/** What people have asked for and is in force. */
function Requests({ set }: { readonly set: SetDetail }): JSX.Element {
  const { pause, rollback, emergency } = set.requests;
  return (
    <>
      {set.spec.isPaused ? (
        <Note tone="warn">
          <strong>Paused</strong>
          {by(pause)}. Nothing new is decided until it is resumed; PDPs go on serving.
        </Note>
      ) : undefined}
      {rollback === undefined ? undefined : (
        <Note tone="warn">
          <strong>Taken back to revision {rollback.toRevision}</strong>
          {by(rollback)}. Edits of the domains are not rolled out until the undo is ended.
        </Note>
      )}
      {emergency === undefined ? undefined : (
        <Note tone="warn">
          <strong>Emergency for revision {emergency.revision}</strong>
          {by(emergency)}: waves, shadow evaluation and approval are skipped.
        </Note>
      )}
    </>
  );
}

function by(request: SetDetail['requests']['pause']): string {
  const who = request?.by === undefined ? '' : ` by ${request.by}`;
  return request?.reason === undefined ? who : `${who}: “${request.reason}”`;
}

function Figures({ set, summary }: { readonly set: SetDetail; readonly summary: SetSummary }): JSX.Element {
  const { pdps } = summary;
  const { lastConvergence } = set;
  const counted = countedRevision(summary);
  const wrong = pdps.nacked + pdps.laggards + pdps.missing;
  return (
    <dl class="figures">
      <Figure name="Committed revision" value={revision(summary.committed)}>
        {summary.desired === 0
          ? 'there is no revision yet'
          : summary.desired === summary.committed
            ? 'the newest'
            : `newest is ${summary.desired}`}
      </Figure>
      <Figure
        name={counted === 0 ? 'PDPs active' : `Serve revision ${counted}`}
        value={`${pdps.active.toLocaleString('en')} / ${pdps.required.toLocaleString('en')}`}
      >
        {pdps.prepared.toLocaleString('en')} prepared, {pdps.connected.toLocaleString('en')} connected
      </Figure>
      <Figure name="Refused, behind, missing" value={String(wrong)}>
        {pdps.nacked} refused, {pdps.laggards} behind, {pdps.missing} missing
      </Figure>
      <Figure
        name="Last convergence"
        value={lastConvergence === undefined ? '–' : duration(lastConvergence.convergenceMs)}
      >
        {lastConvergence === undefined ? (
          'none yet'
        ) : (
          <>
            revision {lastConvergence.revision}, <Time at={lastConvergence.at} />
          </>
        )}
      </Figure>
      <Figure name="Last skew" value={lastConvergence === undefined ? '–' : duration(lastConvergence.skewMs)}>
        first swap to last
      </Figure>
      <Figure name="Consistency" value={summary.mode}>
        {set.revocationBoundMs === undefined
          ? `lease ${duration(set.leaseMs)}`
          : `revoked within ${duration(set.revocationBoundMs)}`}
      </Figure>
    </dl>
  );
}

function revision(n: number): string {
  return n === 0 ? 'none' : String(n);
}

function Figure(props: {
  readonly name: string;
  readonly value: string;
  readonly children: JSX.Element | string | readonly (JSX.Element | string | number)[];
}): JSX.Element {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>
        {props.value}
        <small>{props.children}</small>
      </dd>
    </div>
  );
}
