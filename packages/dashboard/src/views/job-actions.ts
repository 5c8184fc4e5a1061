/** The buttons of a job. What cannot be done now is not there; cancelling is asked twice. */
import type { JobSummary } from '@shoal/tracker/client';
import { type ApiError, tell } from '../api.ts';
import { h, setText } from '../dom.ts';
import { isOpenState } from '../job-state.ts';
import { t } from '../text.ts';
import type { ViewContext } from '../view.ts';

type Action = 'pause' | 'resume' | 'retry' | 'cancel';
const ACTIONS: readonly Action[] = ['pause', 'resume', 'retry', 'cancel'];
const ASK_MS = 5000;

export interface JobActions {
  element: HTMLElement;
  update(job: JobSummary): void;
  /** A job that had ended is open again: its stream must be, too. */
  onReopened(run: () => void): void;
}

export function jobActions(id: string, { announce }: ViewContext): JobActions {
  let reopened = () => {};
  let ended = false;
  let asked: ReturnType<typeof setTimeout> | undefined;
  const buttons = new Map(
    ACTIONS.map((action) => [
      action,
      h('button', { type: 'button', hidden: true, 'data-action': action, onclick: () => press(action) }, t(action)),
    ]),
  );
  const unask = () => {
    clearTimeout(asked);
    asked = undefined;
    const button = buttons.get('cancel');
    if (button) setText(button, t('cancel'));
  };
  const press = (action: Action) => {
    if (action === 'cancel' && asked === undefined) {
      const button = buttons.get('cancel');
      if (button) setText(button, t('reallyCancel'));
      announce(t('reallyCancel'));
      asked = setTimeout(unask, ASK_MS);
      return;
    }
    unask();
    tell(`v1/jobs/${encodeURIComponent(id)}/${action}`).then(
      () => {
        announce(t('acted', { id: id.slice(0, 8), action: t(action) }));
        if (ended) reopened();
      },
      ({ message }: ApiError) => announce(message, 'error'),
    );
  };
  const update = ({ state, counts }: JobSummary) => {
    ended = !isOpenState(state);
    const can: Record<Action, boolean> = {
      pause: state === 'running' || state === 'standing' || state === 'scheduled',
      resume: state === 'paused',
      retry: counts.failed > 0 && state !== 'cancelled',
      cancel: !ended,
    };
    for (const [action, button] of buttons) {
      if (button.hidden !== can[action]) continue;
      const hadFocus = document.activeElement === button;
      button.hidden = !can[action];
      if (hadFocus) [...buttons.values()].find((one) => !one.hidden)?.focus();
    }
  };
  return {
    element: h('div', { class: 'actions' }, ...buttons.values()),
    update,
    onReopened(run) {
      reopened = run;
    },
  };
}
