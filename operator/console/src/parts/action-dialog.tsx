import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type {
  ActionBody,
  ActionName,
  ActionResult,
  RevisionList,
  RevisionSummary,
  SetDetail,
} from '../../../src/console/wire.ts';
import { ApiProblem, unreachable } from '../client/problem.ts';
import { addressed } from '../format.ts';
import { useClient, useResource, useUser } from '../hooks.ts';
import { reasonText } from '../words.ts';

const REASON_MAX = 512;

/** Asks whether an action is meant, and why; then does it. `onDone` gets what was written, or undefined if it was not meant. */
export function ActionDialog(props: {
  readonly action: ActionName;
  readonly set: SetDetail;
  readonly path: string;
  readonly onDone: (result: ActionResult | undefined) => void;
}): JSX.Element {
  const { action, set, path } = props;
  const client = useClient();
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  const user = useUser();
  const [reason, setReason] = useState('');
  const [choice, setChoice] = useState<ActionBody>(() => firstChoice(action, set));
  const [problem, setProblem] = useState<ApiProblem>();
  const [isSending, setSending] = useState(false);
  useEffect(() => {
    const shown = dialog.current;
    // The browser keeps the focus inside.
    shown?.showModal();
    return () => shown?.close();
  }, []);
  const done = (result: ActionResult | undefined): void => {
    // The browser gives the focus back to the button, but not once the dialog is gone from the page.
    dialog.current?.close();
    props.onDone(result);
  };
  const isMissing = action === 'abort' && reason.trim() === '';
  const submit = (event: Event): void => {
    event.preventDefault();
    if (isSending) return;
    if (isMissing) return setProblem(new ApiProblem(400, 'invalid-request', 'say why the rollout is to end'));
    setSending(true);
    const words = reason.trim();
    client.api
      .post<ActionResult>(`${path}/actions/${action}`, { ...choice, ...(words === '' ? {} : { reason: words }) })
      .then(done, (cause: unknown) => {
        setSending(false);
        const found = cause instanceof ApiProblem ? cause : unreachable(cause);
        if (found.status === 401) client.unauthenticated();
        setProblem(found);
      });
  };
  const { heading, text, verb } = describe(action, set);
  const right = set.actions.find((each) => each.action === action)?.right;
  return (
    <dialog
      ref={dialog}
      aria-labelledby={title}
      onCancel={(event) => {
        event.preventDefault();
        done(undefined);
      }}
    >
      <form class="dialog-body" onSubmit={submit} noValidate>
        <h2 id={title}>{heading}</h2>
        <p>{text}</p>
        {action === 'undo' ? <UndoChoice set={set} path={path} choice={choice} onChange={setChoice} /> : undefined}
        <label class="field">
          <span>Reason {action === 'abort' ? '' : <span class="quiet">(optional, kept with the change)</span>}</span>
          <textarea
            value={reason}
            maxLength={REASON_MAX}
            rows={2}
            required={action === 'abort'}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        {problem === undefined ? undefined : (
          <p class="problem" role="alert">
            {addressed(problem.message, user)}
            {problem.status === 409 ? ' Look again before you go on.' : ''}
          </p>
        )}
        {right === undefined ? undefined : (
          <p class="quiet">
            Done in your name: <code>{right}</code> in <code>{set.summary.namespace}</code>.
          </p>
        )}
        <div class="dialog-end">
          <button type="button" class="button" onClick={() => done(undefined)}>
            Cancel
          </button>
          <button
            type="submit"
            class={action === 'abort' || choice.now === true ? 'button primary danger' : 'button primary'}
            aria-disabled={isSending}
          >
            {isSending ? 'Writing …' : choice.clear === true ? 'End the undo' : verb}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** Names the revision that the user looks at, so that nothing else is hit. */
function firstChoice(action: ActionName, { rollout }: SetDetail): ActionBody {
  if (rollout === undefined || !rollout.isOpen) return {};
  const revision = { revision: rollout.revision };
  return action === 'approve' ? { ...revision, wave: nextToApprove(rollout) } : action === 'abort' ? revision : {};
}

function nextToApprove(rollout: NonNullable<SetDetail['rollout']>): number {
  const waiting = rollout.waves.find((wave) => wave.needsApproval && !wave.isApproved && wave.index >= rollout.wave);
  return waiting?.index ?? rollout.wave;
}

function describe(
  action: ActionName,
  set: SetDetail,
): { readonly heading: string; readonly text: string; readonly verb: string } {
  const name = `${set.summary.namespace}/${set.summary.name}`;
  const { rollout } = set;
  const revision = rollout === undefined ? '' : ` of revision ${rollout.revision}`;
  switch (action) {
    case 'pause':
      return {
        heading: `Pause ${name}?`,
        text: 'No new rollout is opened, and nothing is decided of one under way, until it is resumed. PDPs go on serving what they serve.',
        verb: 'Pause',
      };
    case 'resume':
      return { heading: `Resume ${name}?`, text: 'Rollouts go on where they stopped.', verb: 'Resume' };
    case 'approve': {
      const wave = rollout?.waves.find(({ index }) => index === nextToApprove(rollout));
      const which =
        wave === undefined ? 'the wave' : `wave ${wave.index + 1} of ${rollout?.waves.length ?? 1} (${wave.label})`;
      return {
        heading: `Approve ${which}${revision}?`,
        text: 'It is committed as soon as its other gates are met. An approval cannot be withdrawn.',
        verb: 'Approve',
      };
    }
    case 'abort':
      return {
        heading: `Abort the rollout${revision}?`,
        text: 'What some PDPs or principals were given of it is taken back. The same content is not tried again until a domain or the set is edited.',
        verb: 'Abort rollout',
      };
    case 'undo':
      return {
        heading: `Go back to an earlier revision of ${name}?`,
        text: 'Its content is served again, as a new revision. The domains stay as they are; their edits are not rolled out until the undo is ended.',
        verb: 'Go back',
      };
  }
}

function UndoChoice(props: {
  readonly set: SetDetail;
  readonly path: string;
  readonly choice: ActionBody;
  readonly onChange: (choice: ActionBody) => void;
}): JSX.Element {
  const { set, path, choice, onChange } = props;
  const { data, problem } = useResource<RevisionList>(`${path}/revisions?limit=100`, 0);
  const inForce = set.requests.rollback?.toRevision ?? set.spec.rollbackTo;
  const earlier = (data?.revisions ?? []).filter(({ isCommitted, isServing }) => isCommitted && !isServing);
  return (
    <>
      {inForce === undefined ? undefined : (
        <Check
          isOn={choice.clear === true}
          onChange={(clear) => onChange(clear ? { clear } : {})}
          text={`End the undo to revision ${inForce}: follow the domains again`}
        />
      )}
      {choice.clear === true ? undefined : (
        <>
          <label class="field">
            <span>Revision</span>
            <select
              value={choice.toRevision ?? ''}
              onChange={({ currentTarget: { value } }) => {
                const { toRevision: _, ...rest } = choice;
                onChange(value === '' ? rest : { ...rest, toRevision: Number(value) });
              }}
            >
              <option value="">The last one with another content</option>
              {earlier.map((revision) => (
                <option key={revision.n} value={revision.n}>
                  {optionText(revision)}
                </option>
              ))}
            </select>
          </label>
          {problem === undefined ? undefined : <p class="problem">The list of revisions: {problem.message}</p>}
          <Check
            isOn={choice.now === true}
            onChange={(now) => {
              const { now: _, ...rest } = choice;
              onChange(now ? { ...rest, now } : rest);
            }}
            text={
              <>
                <strong>At once.</strong> Emergency: skips waves, shadow evaluation and approval. PDPs still prepare
                first.
              </>
            }
          />
        </>
      )}
    </>
  );
}

function optionText(revision: RevisionSummary): string {
  return `${revision.n} · ${reasonText(revision.reason)} · ${revision.createdAt.slice(0, 16).replace('T', ' ')} UTC`;
}

function Check(props: {
  readonly isOn: boolean;
  readonly onChange: (isOn: boolean) => void;
  readonly text: ComponentChildren;
}): JSX.Element {
  return (
    <label class="check">
      <input type="checkbox" checked={props.isOn} onChange={(event) => props.onChange(event.currentTarget.checked)} />
      <span>{props.text}</span>
    </label>
  );
}
