import type { MaintenanceNotification } from '../api/maintenance-notification.ts';
import { finalizer } from '../api/names.ts';
import { conditionOf, messageLimit } from '../core/conditions.ts';
import { announcements } from '../core/announcements.ts';
import { outsideBoundary } from '../core/boundary.ts';
import { driftedFields } from '../core/difference.ts';
import { ReconcileError } from '../core/failure.ts';
import { nextCommonVisit, ownInterval } from '../core/next-visit.ts';
import { placeOf } from '../core/place.ts';
import { receiverNews } from '../core/receiver-status.ts';
import { resourceIdOf } from '../core/resource-id.ts';
import { settle, wasWhole, type Outcome } from '../core/settle.ts';
import { checkSpec } from '../core/spec-checks.ts';
import { isConflict, isNotFound, KubeError } from '../kube/failure.ts';
import { spread } from '../runtime/back-off.ts';
import type { Reconcile, Requeue } from '../runtime/controller.ts';
import { WriteRefusedError } from '../runtime/write-gate.ts';
import { carryOut } from './carry-out.ts';
import { finalize, wayOut } from './finalize.ts';
import { nextTry, spreadingMilliseconds } from './next-try.ts';
import type { Deps } from './ports.ts';
import { beginRun, isAskedFor, writeStatus, type Run } from './run.ts';
import { errorWithoutSecrets } from './secrets.ts';
import type { Look } from './survey.ts';
import { carryOutTest, hasTestDue, testStepAt } from './test-notification.ts';

/** Somebody else wrote the object first: a new look soon. */
const lookAgain: Requeue = { kind: 'backOff', capMilliseconds: 10_000 };
const done: Requeue = { kind: 'done' };

/** How old a list may be by which drift is looked for: as long as all who come for it need to have their turn. */
const listAgeMilliseconds = 60_000;
/** Of the interval, so that a thousand objects don't look at Azure in the same second. */
const intervalJitter = 0.1;
/** The same for an object that a person must mend: many may be stalled by one thing. */
const stalledJitter = 0.25;

/**
 * One look at one object: gone? being deleted? suspended? wrong? finalizer; carry out; settle; tell. Level-driven: it sees the
 * object as it is now and Azure as it is now, and no event.
 */
export const createReconcile =
  (deps: Deps): Reconcile =>
  async (key, signal, stopping) => {
    const object = deps.objects.get(key);
    if (!object) {
      deps.memory.forget(key);
      return done;
    }
    const run = beginRun(key, object, deps, signal, stopping);
    try {
      return await visit(run);
    } catch (thrown) {
      if (thrown instanceof WriteRefusedError) throw thrown;
      // The object was changed or went away under our hands; what is true now comes with the next look.
      if (isConflict(thrown) || isNotFound(thrown)) return lookAgain;
      if (thrown instanceof KubeError) throw thrown;
      const told = errorWithoutSecrets(run, thrown);
      if (!(signal.aborted || stopping.aborted)) await settleUnexpected(run, told).catch(() => undefined);
      throw told;
    }
  };

/** A mistake of ours: the object must not look as if it were still being worked on. The error itself is for the log. */
const settleUnexpected = (run: Run, cause: unknown): Promise<Requeue> => {
  const failure = new ReconcileError(
    'AzureError',
    "Something unexpected happened in the operator; it is tried again. The operator's log says more.",
    {
      cause,
    },
  );
  return run.object.metadata.deletionTimestamp ? failDeletion(run, failure) : fail(run, failure);
};

const visit = async (run: Run): Promise<Requeue> => {
  const { object, deps } = run;
  const holdsFinalizer = object.metadata.finalizers?.includes(finalizer) ?? false;
  if (object.metadata.deletionTimestamp) return holdsFinalizer ? remove(run) : done;
  if (object.spec.suspend) {
    deps.memory.forgive(run.key);
    return end(run, { kind: 'suspended' }, done);
  }

  const verdict = checkSpec(object.spec);
  if (verdict) return fail(run, new ReconcileError(verdict.reason, verdict.message, { stalls: 'atOnce' }));
  const outside = outsideBoundary(object.spec, object.metadata.namespace, deps.settings.allowedScopes);
  if (outside !== undefined) return fail(run, new ReconcileError('AccessDenied', outside, { stalls: 'atOnce' }));
  // Stored before the first write to Azure: otherwise a deletion in between would leave things behind.
  if (!holdsFinalizer) {
    run.beforeWrite();
    await deps.objects.addFinalizer(object, run.signal);
  }
  const look = lookForDrift(run);
  if (look?.kind === 'later') {
    // The lists are being read: nobody waits for them in a run.
    void look.ready?.then(() => deps.again(run.key));
    return { kind: 'after', milliseconds: look.milliseconds };
  }
  run.listed = look?.listed;
  const failure = await carryOut(run);
  if (failure) return fail(run, failure);
  deps.memory.succeeded(run.key, run.version);
  deps.onSuccess?.(run.key);
  return end(run, { kind: 'succeeded' }, atNextLook(run));
};

/**
 * A run that nobody asked for, over an object that stood, looks by the shared lists. Any other has something to do, and asks for what is
 * there now; so does one that a person must mend, which comes at times of its own.
 */
const lookForDrift = ({ object, hasStood, deps }: Run): Look | undefined =>
  hasStood && !isAskedFor(object) && !hasTestDue(object, deps.now()) && !conditionOf(object.status?.conditions, 'Stalled')
    ? deps.survey.look(object.spec, Math.min(listAgeMilliseconds, intervalOf(object, deps) / 2))
    : undefined;

/** Deletion: Azure first, the finalizer last. */
const remove = async (run: Run): Promise<Requeue> => {
  const { object, deps } = run;
  const failure = await finalize(run);
  if (failure) return failDeletion(run, failure);
  const orphaned = object.spec.deletionPolicy === 'Orphan' && (object.status?.resources ?? []).length > 0;
  tell(run, { kind: 'deleting' }, object.status ?? {});
  if (orphaned)
    deps.announce(object, {
      type: 'Normal',
      reason: 'Orphaned',
      message: 'spec.deletionPolicy is Orphan: everything made in Azure was left there.',
    });
  run.beforeWrite();
  await deps.objects.removeFinalizer(object, run.signal);
  deps.memory.forget(run.key);
  return done;
};

/** Whatever went wrong, the message says how to let the object go. */
const failDeletion = (run: Run, { reason, message, retry, cause }: ReconcileError): Promise<Requeue> => {
  const now = run.deps.now();
  const { withReasonSince, times } = run.deps.memory.failed(run.key, run.version, reason, now);
  const way = wayOut(run.object);
  // Whose turn comes by itself needs no way out: many would take it, and leave behind what the operator is about to remove.
  const told = reason === 'Throttled' ? message : `${message.slice(0, messageLimit - way.length - 1)} ${way}`;
  const outcome: Outcome = { kind: 'deletionFailed', reason, message: told };
  return end(run, outcome, nextTry(retry, times, now - withReasonSince, run.deps.random()), cause);
};

const fail = async (run: Run, failure: ReconcileError): Promise<Requeue> => {
  const { object, deps } = run;
  const now = deps.now();
  const { since, withReasonSince, times } = deps.memory.failed(run.key, run.version, failure.reason, now);
  const lasted = now - withReasonSince;
  const isLate = lasted >= spreadingMilliseconds;
  const stalled = failure.stalls === 'atOnce' || (failure.stalls === 'afterTenMinutes' && isLate);
  const message = isLate && failure.later ? `${failure.message} ${failure.later}` : failure.message;
  const waits = failure.reason === 'Throttled' && !isLate && hasMoreToSay(object);
  const claims = run.draft.claims
    .filter(({ reason }) => !(waits && reason === 'Throttled'))
    .map((each) => (each.message === failure.message ? Object.assign({}, each, { message }) : each));
  run.draft = { ...run.draft, claims };
  // A group of actionGroupIds or an identity that is gone is as bad as a part of ours that was seen missing: nobody is told.
  // A Secret that the API server didn't hand out may well be there.
  const isUnread = failure.cause instanceof KubeError;
  const isGone = (failure.reason === 'DependencyNotReady' && !isUnread) || failure.reason === 'WaitingForIdentity';
  const isWhole = wasWhole(object) && !isGone && run.draft.inventory.every(({ state }) => state === 'Present');
  const inGrace = waits || (!stalled && isWhole && now - since < deps.settings.readyGraceMilliseconds);
  const outcome: Outcome = { kind: 'failed', reason: failure.reason, message, stalled, inGrace };
  const next = stalled ? atInterval(run, stalledJitter) : nextTry(failure.retry, times, lasted, deps.random());
  return end(run, outcome, next, failure.cause);
};

/** Whether the conditions say something of this generation that a wait for Azure's limits must not wipe out: that all is well, or what is wrong. */
const hasMoreToSay = ({ status, metadata }: MaintenanceNotification): boolean => {
  const ready = conditionOf(status?.conditions, 'Ready');
  return (
    ready?.observedGeneration === metadata.generation &&
    ready.reason !== 'Throttled' &&
    (ready.status === 'True' || ready.status === 'False')
  );
};

const intervalOf = (object: MaintenanceNotification, { settings }: Deps): number => ownInterval(object) ?? settings.intervalMilliseconds;

const atInterval = ({ object, deps }: Run, jitter: number): Requeue => ({
  kind: 'after',
  milliseconds: spread(intervalOf(object, deps), jitter, deps.random()),
});

/** Together with all others that the same lists serve; where there are none, by itself. */
const atNextLook = (run: Run): Requeue => {
  const { object, deps } = run;
  if (!deps.survey.isShared(object.spec)) return atInterval(run, intervalJitter);
  const { subscriptionId } = placeOf(object.spec, resourceIdOf(object.spec.clusterResourceId));
  return { kind: 'after', milliseconds: nextCommonVisit(subscriptionId, intervalOf(object, deps), deps.now()) };
};

/** Settles the status, writes it if it changed, tells people what happened, and sees to a test that somebody asked for. */
const end = async (run: Run, outcome: Outcome, next: Requeue, cause?: unknown): Promise<Requeue> => {
  const step = testStepAt(run, outcome);
  run.draft = { ...run.draft, testNotification: step.test };
  const settled = settle(withStatus(run.object, run.status), run.draft, outcome, new Date(run.deps.now()));
  await writeStatus(run, settled);
  tell(run, outcome, settled, cause);
  const milliseconds = await carryOutTest(run, outcome, { step });
  // A failure that is tried again brings the object back soon enough, and not before Azure wants it.
  return milliseconds === undefined || (outcome.kind === 'failed' && !outcome.stalled) ? next : sooner(next, milliseconds);
};

const sooner = (next: Requeue, milliseconds: number): Requeue => {
  if (next.kind === 'backOff') return next;
  return { kind: 'after', milliseconds: next.kind === 'after' ? Math.min(next.milliseconds, milliseconds) : milliseconds };
};

/** The spec and generation that the run began with, under the status as it stands now. */
const withStatus = (object: MaintenanceNotification, status: MaintenanceNotification['status']): MaintenanceNotification => {
  const { status: _, ...rest } = object;
  return status ? { ...rest, status } : rest;
};

const tell = (run: Run, outcome: Outcome, settled: NonNullable<MaintenanceNotification['status']>, cause?: unknown): void => {
  const { status, spec } = run.object;
  const changed = run.actions.flatMap(({ differences }) => differences ?? []);
  const news = [
    ...announcements(status, settled, outcome, run.actions),
    ...receiverNews(spec, status?.receivers, settled.receivers, changed),
  ];
  for (const each of news) run.deps.announce(run.object, each);
  for (const { verb, part, differences } of run.actions)
    if (verb === 'DriftCorrected') for (const field of driftedFields(differences)) run.deps.onDriftCorrected?.(part, field);
  if (news.length === 0 && run.actions.length === 0) return;
  run.deps.log(run.object, {
    reconcileID: run.id,
    outcome: outcome.kind,
    ...('reason' in outcome ? { reason: outcome.reason, message: outcome.message } : {}),
    actions: run.actions.map(({ verb, part, target }) => `${verb} ${part} ${target}`),
    ...(cause === undefined ? {} : { cause }),
  });
};
