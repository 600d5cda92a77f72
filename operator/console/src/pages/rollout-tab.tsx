import type { JSX } from 'preact';
import type { SetDetail } from '../../../src/console/wire.ts';
import { hrefOf } from '../route.ts';
import { Empty, Panel } from '../parts/panel.tsx';
import { Time } from '../parts/time.tsx';
import { Exceptions } from '../parts/exceptions.tsx';
import { RolloutPanel } from '../parts/rollout-panel.tsx';
import { ShadowPanel } from '../parts/shadow-panel.tsx';
import { State } from '../parts/state.tsx';
import { shortDigest } from '../format.ts';

/** The rollout under way, who holds it up, and what the set says of itself. */
export function RolloutTab({ set }: { readonly set: SetDetail }): JSX.Element {
  const { rollout, summary } = set;
  const base = { namespace: summary.namespace, name: summary.name };
  return (
    <>
      {rollout === undefined ? (
        <Panel title="Rollout">
          <Empty>
            {summary.committed === 0 ? (
              <p>Nothing has been rolled out yet: the set carries no revision.</p>
            ) : (
              <p>
                No rollout is under way.{' '}
                <a href={hrefOf({ page: 'revision', ...base, n: summary.committed })}>Revision {summary.committed}</a>{' '}
                is served to everyone.
              </p>
            )}
          </Empty>
        </Panel>
      ) : (
        <RolloutPanel rollout={rollout} href={hrefOf({ page: 'revision', ...base, n: rollout.revision })} />
      )}
      {rollout?.shadow === undefined ? undefined : (
        <ShadowPanel shadow={rollout.shadow} title={`Shadow evaluation of revision ${rollout.revision}`} />
      )}
      {set.exceptions.length === 0 ? undefined : (
        <Exceptions exceptions={set.exceptions} fleet={hrefOf({ page: 'set', ...base, tab: 'fleet', query: {} })} />
      )}
      {set.failedDigests.length === 0 ? undefined : <Failed set={set} />}
      <Conditions set={set} />
    </>
  );
}

function Failed({ set }: { readonly set: SetDetail }): JSX.Element {
  return (
    <Panel title="Contents that are not tried again" aside="until a domain or the set is edited">
      <table class="cards">
        <thead>
          <tr>
            <th scope="col">Digest</th>
            <th scope="col">When</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          {set.failedDigests.map(({ digest, reason, at }) => (
            <tr key={digest}>
              <th scope="row">
                <code title={digest}>{shortDigest(digest)}</code>
              </th>
              <td data-head="When">
                <Time at={at} />
              </td>
              <td data-head="Why" class="wrap">
                {reason}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

/** Types whose True is the abnormal state (kstatus). */
const ABNORMAL = new Set(['Reconciling', 'Stalled']);

function Conditions({ set }: { readonly set: SetDetail }): JSX.Element {
  return (
    <Panel title="Conditions" aside={set.token === undefined ? undefined : <Token token={set.token} />}>
      <table class="cards">
        <caption class="unseen">Conditions of the set</caption>
        <thead>
          <tr>
            <th scope="col">Type</th>
            <th scope="col">Status</th>
            <th scope="col">Reason</th>
            <th scope="col">Message</th>
            <th scope="col">Since</th>
          </tr>
        </thead>
        <tbody>
          {set.conditions.map(({ type, status, reason, message, since }) => {
            const isBad = ABNORMAL.has(type) ? status === 'True' : status === 'False';
            const isUnderWay = type === 'Reconciling' || set.summary.health === 'Progressing';
            const tone = status === 'Unknown' ? 'idle' : !isBad ? 'good' : isUnderWay ? 'busy' : 'warn';
            return (
              <tr key={type}>
                <th scope="row">{type}</th>
                <td data-head="Status">
                  <State tone={tone} text={status} />
                </td>
                <td data-head="Reason">{reason}</td>
                <td data-head="Message" class="wrap">
                  {message}
                </td>
                <td data-head="Since">
                  <Time at={since} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Panel>
  );
}

function Token({ token }: { readonly token: string }): JSX.Element {
  return (
    <>
      Policy-At-Least: <code class="wrap">{token}</code>
    </>
  );
}
