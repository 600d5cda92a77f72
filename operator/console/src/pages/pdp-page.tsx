import type { JSX } from 'preact';
import type { PdpView, PdpWhy } from '../../../src/console/wire.ts';
import { capital } from '../format.ts';
import { useChanges, useResource } from '../hooks.ts';
import { Loaded } from '../parts/note.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { State } from '../parts/state.tsx';
import { Time } from '../parts/time.tsx';
import { PDPS, SEVERITIES } from '../words.ts';
import { FLEET_REFRESH_MS, Lease } from './fleet-tab.tsx';

/** What holds one PDP back. */
export function PdpPage(props: {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
}): JSX.Element {
  const { namespace, name, node } = props;
  const path = `sets/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/pdps/${encodeURIComponent(node)}/why`;
  const why = useResource<PdpWhy>(path, useChanges(namespace, name), FLEET_REFRESH_MS);
  return (
    <>
      <div class="page-head">
        <h1 tabIndex={-1}>{why.data?.pdp.pod ?? node}</h1>
        {why.data === undefined ? undefined : <State {...PDPS[why.data.pdp.state]} />}
      </div>
      <Loaded resource={why} what="the PDP">
        {({ pdp, summary, findings }) => (
          <>
            <p class="lead">{capital(summary)}</p>
            <div class="sections">
              <Panel title="Why it is where it is">
                {findings.length === 0 ? (
                  <Empty>
                    <p>Nothing holds it back.</p>
                  </Empty>
                ) : (
                  <ol class="findings">
                    {findings.map(({ code, severity, message, advice, since }) => (
                      <li key={code}>
                        <div>
                          <State {...SEVERITIES[severity]} /> <code class="quiet">{code}</code>
                          {since === undefined ? undefined : (
                            <span class="quiet">
                              {' '}
                              since <Time at={since} full />
                            </span>
                          )}
                        </div>
                        <p class="wrap">{capital(message)}</p>
                        {advice === undefined ? undefined : <p class="quiet wrap">{capital(advice)}</p>}
                      </li>
                    ))}
                  </ol>
                )}
              </Panel>
              <Facts pdp={pdp} />
            </div>
          </>
        )}
      </Loaded>
    </>
  );
}

function Facts({ pdp }: { readonly pdp: PdpView }): JSX.Element {
  const facts: readonly (readonly [string, JSX.Element | string])[] = [
    ['Serves', pdp.active === 0 ? 'nothing' : `revision ${pdp.active}`],
    ['Prepared', pdp.staged === 0 ? 'nothing' : `revision ${pdp.staged}`],
    [
      'Canary',
      pdp.canary === undefined
        ? 'none'
        : `revision ${pdp.canary.revision} to ${pdp.canary.upTo / 100} % of the principals`,
    ],
    ['Wave', pdp.wave === undefined ? 'none' : String(pdp.wave + 1)],
    ['Awaited', pdp.isAwaited ? 'the rollout waits for it' : 'no'],
    ['Connected', pdp.isConnected ? 'yes' : 'no'],
    ['Last heard', pdp.lastBeatAt === undefined ? 'never' : <Time at={pdp.lastBeatAt} full />],
    ['Lease', pdp.leaseUntil === undefined ? 'none' : <Lease until={pdp.leaseUntil} />],
    ['Engine', pdp.engine],
    ['Node id', <code class="wrap">{pdp.nodeId}</code>],
  ];
  return (
    <Panel title="What is known of it">
      <dl class="facts panel-body">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        {pdp.nack === undefined ? undefined : (
          <div class="whole">
            <dt>Refused</dt>
            <dd class="wrap">
              revision {pdp.nack.revision}, at {pdp.nack.phase}: <code>{pdp.nack.code}</code>. {pdp.nack.text}
            </dd>
          </div>
        )}
      </dl>
    </Panel>
  );
}
