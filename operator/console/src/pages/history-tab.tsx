import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { RevisionList, RevisionSummary, Series } from '../../../src/console/wire.ts';
import { duration } from '../format.ts';
import { useResource } from '../hooks.ts';
import { Loaded } from '../parts/note.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { State } from '../parts/state.tsx';
import { Time } from '../parts/time.tsx';
import { Plot } from '../plots/plot.tsx';
import { hrefOf } from '../route.ts';
import { PHASES, reasonText } from '../words.ts';

const PAGE_SIZE = 50;

interface HistoryProps {
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  readonly change: number;
}

/** Revisions, newest first, and how fast and how evenly they arrived. */
export function HistoryTab(props: HistoryProps): JSX.Element {
  const { path, change } = props;
  const [tokens, setTokens] = useState<readonly string[]>([]);
  const token = tokens.at(-1);
  const search = new URLSearchParams({ limit: String(PAGE_SIZE), ...(token === undefined ? {} : { continue: token }) });
  const list = useResource<RevisionList>(`${path}/revisions?${search.toString()}`, change);
  const series = useResource<Series>(`${path}/series`, change);
  return (
    <>
      <Loaded resource={series} what="the figures">
        {(data) => (
          <div class="plots">
            <Plot
              title="Convergence"
              description="from the creation of a revision to the last PDP active"
              points={data.points.map(({ n, convergenceMs }) => ({ n, value: convergenceMs }))}
            />
            <Plot
              title="Skew"
              description="from the first PDP active to the last"
              points={data.points.map(({ n, skewMs }) => ({ n, value: skewMs }))}
            />
          </div>
        )}
      </Loaded>
      <Loaded resource={list} what="the revisions">
        {(data) => (
          <Panel title="Revisions" aside="newest first">
            {data.revisions.length === 0 ? (
              <Empty>
                <p>There is no revision yet.</p>
              </Empty>
            ) : (
              <RevisionTable {...props} revisions={data.revisions} />
            )}
            {tokens.length === 0 && data.continue === undefined ? undefined : (
              <nav class="pages" aria-label="Pages">
                <button
                  type="button"
                  class="button"
                  aria-disabled={tokens.length === 0}
                  onClick={() => setTokens(tokens.slice(0, -1))}
                >
                  Newer
                </button>
                <button
                  type="button"
                  class="button"
                  aria-disabled={data.continue === undefined}
                  onClick={() => (data.continue === undefined ? undefined : setTokens([...tokens, data.continue]))}
                >
                  Older
                </button>
              </nav>
            )}
          </Panel>
        )}
      </Loaded>
    </>
  );
}

function RevisionTable(props: HistoryProps & { readonly revisions: readonly RevisionSummary[] }): JSX.Element {
  const { namespace, name, revisions } = props;
  return (
    <div class="scroll">
      <table class="cards">
        <caption class="unseen">Revisions, newest first</caption>
        <thead>
          <tr>
            <th scope="col">Revision</th>
            <th scope="col">Outcome</th>
            <th scope="col">Made for</th>
            <th scope="col">When</th>
            <th scope="col" class="num">
              Active
            </th>
            <th scope="col" class="num">
              Convergence
            </th>
            <th scope="col" class="num">
              Skew
            </th>
            <th scope="col">
              <span class="unseen">Compare</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {revisions.map((revision) => (
            <tr key={revision.n}>
              <th scope="row" class="nowrap">
                <a href={hrefOf({ page: 'revision', namespace, name, n: revision.n })}>{revision.n}</a>
                {revision.isServing ? <span class="tag">serving</span> : undefined}
              </th>
              <td data-head="Outcome">
                <div>
                  <State {...PHASES[revision.phase]} />
                  {revision.cause === undefined ? undefined : <div class="quiet wrap">{revision.cause}</div>}
                </div>
              </td>
              <td data-head="Made for">
                <div class="wrap">
                  <MadeFor revision={revision} />
                </div>
              </td>
              <td data-head="When">
                <Time at={revision.createdAt} />
              </td>
              <td data-head="Active" class="num">
                {revision.active}
              </td>
              <td data-head="Convergence" class="num nowrap">
                {revision.convergenceMs === undefined ? '–' : duration(revision.convergenceMs)}
              </td>
              <td data-head="Skew" class="num nowrap">
                {revision.skewMs === undefined ? '–' : duration(revision.skewMs)}
              </td>
              <td class="nowrap">
                {revision.parent === 0 ? undefined : (
                  <a
                    href={hrefOf({
                      page: 'set',
                      namespace,
                      name,
                      tab: 'diff',
                      query: { from: String(revision.parent), to: String(revision.n) },
                    })}
                  >
                    Compare<span class="unseen"> {revision.n}</span> with {revision.parent}
                  </a>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Why a revision was made, and by whom. */
export function MadeFor({ revision }: { readonly revision: RevisionSummary }): JSX.Element {
  return (
    <>
      {reasonText(revision.reason)}
      {revision.rollbackOf === undefined ? '' : ` to the content of ${revision.rollbackOf}`}
      {revision.by === undefined ? '' : ` by ${revision.by}`}
      {revision.why === undefined ? undefined : <div class="quiet">“{revision.why}”</div>}
    </>
  );
}
