import type { JSX } from 'preact';
import type { RevisionDetail } from '../../../src/console/wire.ts';
import { number, plural, shortDigest } from '../format.ts';
import { useChanges, useResource } from '../hooks.ts';
import { Exceptions } from '../parts/exceptions.tsx';
import { Loaded } from '../parts/note.tsx';
import { Panel } from '../parts/panel.tsx';
import { RolloutPanel } from '../parts/rollout-panel.tsx';
import { ShadowPanel } from '../parts/shadow-panel.tsx';
import { State } from '../parts/state.tsx';
import { Time } from '../parts/time.tsx';
import { hrefOf } from '../route.ts';
import { PHASES } from '../words.ts';
import { MadeFor } from './history-tab.tsx';

/** One revision: what it carries, and how its rollout went. */
export function RevisionPage(props: {
  readonly namespace: string;
  readonly name: string;
  readonly n: number;
}): JSX.Element {
  const { namespace, name, n } = props;
  const path = `sets/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/revisions/${n}`;
  const revision = useResource<RevisionDetail>(path, useChanges(namespace, name));
  return (
    <>
      <div class="page-head">
        <h1 tabIndex={-1}>
          Revision {n} of {namespace}/{name}
        </h1>
        {revision.data === undefined ? undefined : <State {...PHASES[revision.data.summary.phase]} />}
      </div>
      <Loaded resource={revision} what="the revision">
        {(data) => (
          <>
            <div class="lead">
              <p>
                <MadeFor revision={data.summary} />
              </p>
              <p>
                Made <Time at={data.summary.createdAt} full />, signed with key <code>{data.signedBy}</code>
                {data.summary.isServing ? '; served to everyone' : ''}.{' '}
                {data.summary.parent === 0 ? undefined : (
                  <a
                    href={hrefOf({
                      page: 'set',
                      namespace,
                      name,
                      tab: 'diff',
                      query: { from: String(data.summary.parent), to: String(n) },
                    })}
                  >
                    Compare with revision {data.summary.parent}
                  </a>
                )}
              </p>
            </div>
            <div class="sections">
              <RolloutPanel rollout={data.rollout} />
              {data.rollout.shadow === undefined ? undefined : (
                <ShadowPanel shadow={data.rollout.shadow} title="Shadow evaluation" />
              )}
              {data.exceptions.length === 0 ? undefined : (
                <Exceptions
                  exceptions={data.exceptions}
                  fleet={hrefOf({ page: 'set', namespace, name, tab: 'fleet', query: {} })}
                />
              )}
              <Contents revision={data} />
            </div>
          </>
        )}
      </Loaded>
    </>
  );
}

function Contents({ revision }: { readonly revision: RevisionDetail }): JSX.Element {
  const { domains, tests } = revision;
  return (
    <Panel
      title={`Carries ${plural(domains.length, 'domain')}`}
      aside={tests.length === 0 ? 'no test suites' : `${plural(tests.length, 'test suite')}: ${tests.join(', ')}`}
    >
      <table class="cards">
        <caption class="unseen">Domains of the revision</caption>
        <thead>
          <tr>
            <th scope="col">Domain</th>
            <th scope="col">Digest</th>
            <th scope="col" class="num">
              Generation
            </th>
            <th scope="col" class="num">
              Bytes
            </th>
          </tr>
        </thead>
        <tbody>
          {domains.map((domain) => (
            <tr key={`${domain.namespace}/${domain.name}`}>
              <th scope="row" class="wrap">
                {domain.namespace}/{domain.name}
              </th>
              <td data-head="Digest">
                <code title={domain.digest}>{shortDigest(domain.digest)}</code>
              </td>
              <td data-head="Generation" class="num">
                {domain.generation}
              </td>
              <td data-head="Bytes" class="num">
                {number(domain.size)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
