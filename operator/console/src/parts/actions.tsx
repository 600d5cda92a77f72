import type { JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import type { ActionName, ActionResult, ActionRight, SetDetail } from '../../../src/console/wire.ts';
import { addressed, capital } from '../format.ts';
import { useUser } from '../hooks.ts';
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
  const user = useUser();
  const rights = ORDER.flatMap((action) => set.actions.filter((right) => right.action === action));
  const shown = rights.filter(({ action }) => action !== (set.spec.isPaused ? 'pause' : 'resume'));
  const done = (result: ActionResult | undefined): void => {
    setOpen(undefined);
    if (result !== undefined)
      setTold(`${capital(result.message)}${result.isChanged ? '' : ' already; nothing was written'}.`);
  };
  const reasons = [...new Set(shown.filter(({ isAllowed }) => !isAllowed).map((right) => reasonOf(right, user)))];
  const isForbidden = shown.every(({ isAllowed }) => !isAllowed);
  return (
    <>
      <div class="actions" role="group" aria-label="Actions">
        {shown.map((right) => (
          <ActionButton
            key={right.action === 'resume' ? 'pause' : right.action}
            right={right}
            reason={reasonOf(right, user)}
            onOpen={() => setOpen(right.action)}
            onRefused={() => setTold(`${ACTION_NAMES[right.action]}: ${reasonOf(right, user)}`)}
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

function reasonOf(right: ActionRight, user: string): string {
  return `${addressed(right.why ?? `${user} may not ${right.right}`, user).replace(/\.$/, '')}.`;
}

function ActionButton(props: {
  readonly right: ActionRight;
  /** Why not, if not. */
  readonly reason: string;
  readonly onOpen: () => void;
  readonly onRefused: () => void;
}): JSX.Element {
  const { right, reason, onOpen, onRefused } = props;
  const id = useId();
  const tone = right.action === 'abort' ? 'button danger' : right.action === 'approve' ? 'button primary' : 'button';
  // One and the same button whether it may be used or not, so that it keeps the focus when that changes.
  return (
    <>
      <button
        type="button"
        class={right.isAllowed ? tone : 'button'}
        aria-disabled={!right.isAllowed}
        onClick={right.isAllowed ? onOpen : onRefused}
        {...(right.isAllowed ? { 'aria-haspopup': 'dialog' as const } : { 'aria-describedby': id, title: reason })}
      >
        {ACTION_NAMES[right.action]}
      </button>
      {right.isAllowed ? undefined : (
        <span class="unseen" id={id}>
          {reason}
        </span>
      )}
    </>
  );
}
