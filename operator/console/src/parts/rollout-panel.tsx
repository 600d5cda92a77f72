import type { JSX } from 'preact';
import type { Phase, RolloutView, WaveView } from '../../../src/console/wire.ts';
import { capital, duration, number, shortDigest } from '../format.ts';
import { PHASES, VERDICTS, WAVES, type Tone, type Wording } from '../words.ts';
import { Meter } from './meter.tsx';
import { Note } from './note.tsx';
import { Panel } from './panel.tsx';
import { State } from './state.tsx';
import { Time } from './time.tsx';

/** Where one revision stands: its steps, its waves, who decided and approved them. */
export function RolloutPanel({
  rollout,
  href,
}: {
  readonly rollout: RolloutView;
  readonly href?: string;
}): JSX.Element {
  const { counts } = rollout;
  return (
    <Panel
      title={`Rollout of revision ${rollout.revision}`}
      aside={
        <>
          made <Time at={rollout.createdAt} />, <code title={rollout.digest}>{shortDigest(rollout.digest)}</code>
          {href === undefined ? undefined : (
            <>
              {' · '}
              <a href={href}>what it carries</a>
            </>
          )}
        </>
      }
    >
      <div class="panel-body rollout">
        <Steps rollout={rollout} />
        {rollout.hold === undefined ? undefined : (
          <Note tone={rollout.phase === 'Paused' || rollout.phase === 'AwaitingApproval' ? 'warn' : 'busy'}>
            {holdText(rollout, rollout.hold)}
          </Note>
        )}
        {rollout.cause === undefined ? undefined : (
          <Note tone="bad">
            <strong>{rollout.cause.reason}:</strong> {rollout.cause.message}
          </Note>
        )}
        <dl class="progress">
          <div>
            <dt>Prepared</dt>
            <dd>
              <Meter part={counts.prepared} whole={counts.required} label="PDPs" />
            </dd>
          </div>
          {/* Of a rollout that was ended this would count who serves another one. */}
          {rollout.phase === 'Aborted' || rollout.phase === 'RolledBack' ? undefined : (
            <div>
              <dt>Active</dt>
              <dd>
                <Meter part={counts.active} whole={counts.required} label="PDPs" />
              </dd>
            </div>
          )}
          <Count name="Refused" value={counts.nacked} tone="bad" />
          <Count name="Laggards" value={counts.laggards} tone="warn" />
          <Count name="Missing" value={counts.missing} tone="bad" />
        </dl>
        {rollout.waves.length === 0 ? undefined : (
          <>
            <h3 class="unseen">Waves</h3>
            <ol class="waves">
              {rollout.waves.map((wave) => (
                <Wave key={wave.index} wave={wave} rollout={rollout} />
              ))}
            </ol>
          </>
        )}
        {rollout.analysis === undefined ? undefined : (
          <p>
            Analysis of wave {rollout.analysis.wave + 1}: <State {...VERDICTS[rollout.analysis.verdict]} />{' '}
            <span class="quiet">{rollout.analysis.message}</span>
          </p>
        )}
      </div>
    </Panel>
  );
}

/** The operator's words, but for waves: people count them from 1. */
function holdText({ wave }: RolloutView, { reason, message }: NonNullable<RolloutView['hold']>): string {
  return reason === 'ApprovalRequired' ? `Wave ${wave + 1} waits until somebody approves it.` : capital(message);
}

function Count({
  name,
  value,
  tone,
}: {
  readonly name: string;
  readonly value: number;
  readonly tone: Tone;
}): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value === 0 ? <span class="quiet">0</span> : <State tone={tone} text={number(value)} />}</dd>
    </div>
  );
}

const STEPS = ['Prepare', 'Gate', 'Commit', 'Watch', 'Completed'] as const;

/** The step that a phase is in; a rollout that waits for somebody stands at the gate. */
const STEP_OF: Readonly<Record<Phase, number>> = {
  Pending: 0,
  Preparing: 0,
  Gating: 1,
  AwaitingApproval: 1,
  Committing: 2,
  Soaking: 3,
  Paused: -1,
  Completed: 4,
  Aborted: -1,
  RolledBack: -1,
};

function Steps({ rollout }: { readonly rollout: RolloutView }): JSX.Element {
  const at = STEP_OF[rollout.phase];
  const wave =
    rollout.waves.length > 1 && rollout.isOpen ? `, wave ${rollout.wave + 1} of ${rollout.waves.length}` : '';
  const wording = PHASES[rollout.phase];
  return (
    <div class="steps">
      <State tone={wording.tone} text={`${wording.text}${wave}`} />
      {at === -1 ? undefined : (
        <ol aria-label="Steps of the wave">
          {STEPS.map((step, index) => (
            <li
              key={step}
              class={index < at || rollout.phase === 'Completed' ? 'past' : index === at ? 'current' : ''}
              {...(index === at ? { 'aria-current': 'step' as const } : {})}
            >
              {step}
              {index < at ? <span class="unseen"> (done)</span> : undefined}
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

function Wave({ wave, rollout }: { readonly wave: WaveView; readonly rollout: RolloutView }): JSX.Element {
  return (
    <li
      class={`wave ${wave.state.toLowerCase()}`}
      {...(wave.state === 'Current' ? { 'aria-current': 'step' as const } : {})}
    >
      <div class="wave-head">
        <span class="wave-name">
          <span class="quiet">Wave {wave.index + 1}</span> {wave.label}
        </span>
        <State {...wordingOf(wave, rollout)} />
      </div>
      <ul class="wave-facts">
        {wave.required === undefined ? undefined : (
          <li>
            <Meter part={wave.active ?? 0} whole={wave.required} label="PDPs active" />
          </li>
        )}
        {wave.decidedAt === undefined ? undefined : (
          <li>
            {wave.decision === 'Abort' ? 'Aborted' : 'Committed'} <Time at={wave.decidedAt} />
            {wave.decidedBy === undefined ? '' : <span class="quiet wrap"> by {wave.decidedBy}</span>}
          </li>
        )}
        {wave.isApproved ? (
          <li>Approved{wave.approvedBy === undefined ? '' : ` by ${wave.approvedBy}`}</li>
        ) : wave.needsApproval ? (
          <li>Needs approval</li>
        ) : undefined}
        {wave.soakMs === 0 ? undefined : <li class="quiet">Watched for {duration(wave.soakMs)}</li>}
      </ul>
    </li>
  );
}

/** A wave under way is told by the rollout's phase, which says more. */
function wordingOf(wave: WaveView, rollout: RolloutView): Wording {
  if (wave.state !== 'Current') return WAVES[wave.state];
  return rollout.isOpen ? PHASES[rollout.phase] : WAVES.Stopped;
}
