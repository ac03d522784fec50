import type { MaintenanceNotification, TestNotification } from '../api/maintenance-notification.ts';
import { hasReceivers, type ActionGroup } from '../core/action-group.ts';
import type { Announcement } from '../core/announcements.ts';
import { isDenied, ReconcileError } from '../core/failure.ts';
import { redact, redactAll } from '../core/redact.ts';
import type { Outcome } from '../core/settle.ts';
import {
  afterQuestion,
  afterTest,
  isTestDue,
  namesOf,
  nextTestStep,
  testRequestIn,
  type Readiness,
  type TestAnswer,
  type TestSent,
  type TestStep,
} from '../core/test-notification.ts';
import { writeStatus, type Run } from './run.ts';
import { errorWithoutSecrets } from './secrets.ts';

/** Whether somebody asked for a test that can go out now. */
export const hasTestDue = ({ metadata, status }: MaintenanceNotification, now: number): boolean =>
  isTestDue({ request: testRequestIn(metadata.annotations), known: status?.testNotification, now });

/** What is to be done about a test at the end of a run. */
export const testStepAt = (run: Run, outcome: Outcome): TestStep =>
  nextTestStep({
    request: testRequestIn(run.object.metadata.annotations),
    known: run.draft.testNotification,
    readiness: readinessOf(run, outcome),
    now: run.deps.now(),
  });

const readinessOf = ({ group, object }: Run, outcome: Outcome): Readiness => {
  if (outcome.kind === 'suspended') return 'suspended';
  if (outcome.kind === 'deletionFailed') return 'deleting';
  // Set by a run that was allowed to reach it, and that has read what its Secrets hold.
  if (group) return 'stands';
  if (!hasReceivers(object.spec)) return 'others';
  return outcome.kind === 'failed' && outcome.stalled ? 'stalled' : 'awaited';
};

/** What is to be done next, and what went wrong before. */
interface Next {
  readonly step: TestStep;
  readonly cause?: unknown;
}

/**
 * Does what is to be done about a test, whose status stands already: a send that a crash cuts off is then known to have begun, and is never made
 * again. Returns after how many milliseconds the object should come again for it. Nothing in here changes how the run ended.
 */
export const carryOutTest = async (run: Run, outcome: Outcome, { step, cause }: Next): Promise<number | undefined> => {
  await say(run, step.test, cause);
  switch (step.kind) {
    case 'nothing':
      return undefined;
    case 'wait':
      return step.milliseconds;
    case 'end':
      // There may be a newer request behind it.
      return carryOutTest(run, outcome, { step: testStepAt(run, outcome) });
    case 'send':
      return run.group ? carryOutTest(run, outcome, await send(run, run.group, step.test)) : undefined;
    case 'ask':
      return run.group ? carryOutTest(run, outcome, await ask(run, run.group, step.test, step.notificationId)) : undefined;
  }
};

/** Writes down how a test stands and tells people, if that is new. */
const say = async (run: Run, test: TestNotification | undefined, cause: unknown): Promise<void> => {
  if (!test) return;
  run.draft = { ...run.draft, testNotification: test };
  await writeStatus(run, { ...run.status, testNotification: test });
  // That it begins is no turn yet: what has to wait again tells nobody a second time.
  if (test.state === 'Sending' && test.notificationId === undefined) return;
  const news = newsOf(run.toldOfTest, test, run.group);
  run.toldOfTest = test;
  if (!news) return;
  run.deps.announce(run.object, news);
  run.deps.log(run.object, {
    reconcileID: run.id,
    outcome: news.reason,
    message: news.message,
    actions: [],
    ...(cause === undefined ? {} : { cause }),
  });
};

/** One Event for each turn that a test takes. */
const newsOf = (before: TestNotification | undefined, test: TestNotification, group: ActionGroup | undefined): Announcement | undefined => {
  const { state, message = '', notificationId } = test;
  if (state === 'Sending')
    return notificationId === before?.notificationId
      ? undefined
      : {
          type: 'Normal',
          reason: 'TestNotificationSent',
          message: `Azure has taken a test notice for ${namesOf(group?.receivers ?? [])}. What becomes of it will stand in status.testNotification.`,
        };
  if (before?.state === state && before.requestedAt === test.requestedAt) return undefined;
  return { type: state === 'Succeeded' || state === 'Pending' ? 'Normal' : 'Warning', reason: `TestNotification${state}`, message };
};

/** Sends it, once. Azure repeats what it was sent: what nobody may read is taken out of its words. */
const send = async (run: Run, group: ActionGroup, test: TestNotification): Promise<Next> => {
  run.beforeWrite();
  const { deps, key, version, secrets } = run;
  const since = deps.memory.testTried(key, version, test.requestedAt, deps.now());
  const sent = await deps.azure.testNotifications.send(group, run.signal);
  const told: TestSent = sent.kind === 'accepted' ? sent : { ...sent, message: redact(sent.message, secrets) };
  const cause = sent.kind === 'accepted' ? undefined : errorWithoutSecrets(run, sent.cause);
  return { step: afterTest(test, told, since, deps.now()), cause };
};

/** Asks what became of it, once. What fails is asked again, as long as there is time; without the right to ask that would be no use. */
const ask = async (run: Run, group: ActionGroup, test: TestNotification, notificationId: string): Promise<Next> => {
  const { deps, secrets } = run;
  let cause: unknown;
  const answer = await deps.azure.testNotifications.ask(group.id, notificationId, run.signal).catch((thrown: unknown): TestAnswer => {
    if (!(thrown instanceof ReconcileError)) throw thrown;
    cause = errorWithoutSecrets(run, thrown.cause);
    return isDenied(thrown) ? { kind: 'denied', message: redact(thrown.message, secrets) } : { kind: 'running' };
  });
  return { step: afterQuestion(test, answer, group.receivers, (texts) => redactAll(texts, secrets), deps.now()), cause };
};
