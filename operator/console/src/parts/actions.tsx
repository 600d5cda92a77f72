import type { JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import type { ActionName, ActionResult, ActionRight, SetDetail } from '../../../src/console/wire.ts';
import { capital } from '../format.ts';
import { ActionDialog } from './action-dialog.tsx';

const ORDER: readonly ActionName[] = ['pause', 'resume', 'approve', 'abort', 'undo'];

/** What the button of an action says. */
export const ACTION_NAMES: Readonly<Record<ActionName, string>> = {
  pause: 'Pause',
  resume: 'Resume',
  approve: 'Approve wave',
  abort: 'Abort rollout',
  undo: 'Undo',
};

/** The buttons of a set. One that may not be used can be reached all the same, and says why. */
export function Actions({ set, path }: { readonly set: SetDetail; readonly path: string }): JSX.Element {
  const [open, setOpen] = useState<ActionName>();
  const [told, setTold] = useState('');
  const rights = ORDER.flatMap((action) => set.actions.filter((right) => right.action === action));
  const shown = rights.filter(({ action }) => action !== (set.spec.isPaused ? 'pause' : 'resume'));
  const done = (result: ActionResult | undefined): void => {
    setOpen(undefined);
    if (result !== undefined)
      setTold(`${capital(result.message)}${result.isChanged ? '' : ' already; nothing was written'}.`);
  };
  const reasons = [...new Set(shown.filter(({ isAllowed }) => !isAllowed).map(reasonOf))];
  const isForbidden = shown.every(({ isAllowed }) => !isAllowed);
  return (
    <>
      <div class="actions" role="group" aria-label="Actions">
        {shown.map((right) => (
          <ActionButton
            key={right.action}
            right={right}
            onOpen={() => setOpen(right.action)}
            onRefused={() => setTold(`${ACTION_NAMES[right.action]}: ${reasonOf(right)}`)}
          />
        ))}
        <p class="quiet action-told" role="status">
          {told !== '' ? told : isForbidden ? reasons.join(' ') : ''}
        </p>
      </div>
      {open === undefined ? undefined : <ActionDialog action={open} set={set} path={path} onDone={done} />}
    </>
  );
}

function reasonOf(right: ActionRight): string {
  return `${capital(right.why ?? `you lack the right to ${right.right}`).replace(/\.$/, '')}.`;
}

function ActionButton(props: {
  readonly right: ActionRight;
  readonly onOpen: () => void;
  readonly onRefused: () => void;
}): JSX.Element {
  const { right, onOpen, onRefused } = props;
  const id = useId();
  const tone =
    right.action === 'abort'
      ? 'button danger'
      : right.action === 'approve' && right.isAllowed
        ? 'button primary'
        : 'button';
  if (right.isAllowed)
    return (
      <button type="button" class={tone} aria-haspopup="dialog" onClick={onOpen}>
        {ACTION_NAMES[right.action]}
      </button>
    );
  return (
    <>
      <button
        type="button"
        class="button"
        aria-disabled="true"
        aria-describedby={id}
        title={reasonOf(right)}
        onClick={onRefused}
      >
        {ACTION_NAMES[right.action]}
      </button>
      <span class="unseen" id={id}>
        {reasonOf(right)}
      </span>
    </>
  );
}
