import type { MaintenanceNotification } from '../api/maintenance-notification.ts';
import { finalizer } from '../api/names.ts';
import { announcements } from '../core/announcements.ts';
import { parseDuration } from '../core/duration.ts';
import { ReconcileError } from '../core/failure.ts';
import { settle, wasWhole, type Outcome } from '../core/settle.ts';
import { checkSpec } from '../core/spec-checks.ts';
import { isConflict, isNotFound, KubeError } from '../kube/failure.ts';
import { spread } from '../runtime/back-off.ts';
import type { Reconcile, Requeue } from '../runtime/controller.ts';
import { WriteRefusedError } from '../runtime/write-gate.ts';
import { carryOut } from './carry-out.ts';
import { finalize, wayOut } from './finalize.ts';
import type { Deps } from './ports.ts';
import { beginRun, writeStatus, type Run } from './run.ts';

/** Transient failures of Azure: 1 s, doubling up to this. */
const backOff: Requeue = { kind: 'backOff', capMilliseconds: 180_000 };
/** Somebody else wrote the object first: a new look soon. */
const lookAgain: Requeue = { kind: 'backOff', capMilliseconds: 10_000 };
const done: Requeue = { kind: 'done' };

/** Roles, federated credentials and new groups take this long to spread; only then is a missing one a person's to mend. */
const spreadingMilliseconds = 10 * 60_000;
/** Of the interval, so that a thousand objects don't look at Azure in the same second. */
const intervalJitter = 0.1;

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
      if (!(thrown instanceof KubeError || signal.aborted || stopping.aborted)) await settleUnexpected(run, thrown).catch(() => undefined);
      throw thrown;
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
  // Stored before the first write to Azure: otherwise a deletion in between would leave things behind.
  if (!holdsFinalizer) {
    run.beforeWrite();
    await deps.objects.addFinalizer(object, run.signal);
  }
  const failure = await carryOut(run);
  if (failure) return fail(run, failure);
  deps.memory.succeeded(run.key, run.version);
  deps.onSuccess?.(run.key);
  return end(run, { kind: 'succeeded' }, atInterval(run));
};

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
const failDeletion = (run: Run, { reason, message, retry, stalls, cause }: ReconcileError): Promise<Requeue> => {
  const failure = new ReconcileError(reason, `${message} ${wayOut(run.object)}`, { retry, stalls, cause });
  return end(run, { kind: 'deletionFailed', reason, message: failure.message }, retryOf(run, failure, false), cause);
};

const fail = async (run: Run, failure: ReconcileError): Promise<Requeue> => {
  const { object, deps } = run;
  const now = deps.now();
  const { since, withReasonSince } = deps.memory.failed(run.key, run.version, failure.reason, now);
  const stalled = failure.stalls === 'atOnce' || (failure.stalls === 'afterTenMinutes' && now - withReasonSince >= spreadingMilliseconds);
  // A group of actionGroupIds that is gone is as bad as one of ours that was seen missing: nobody is told.
  const isWhole =
    wasWhole(object) && failure.reason !== 'DependencyNotReady' && run.draft.inventory.every(({ state }) => state === 'Present');
  const inGrace = !stalled && isWhole && now - since < deps.settings.readyGraceMilliseconds;
  const outcome: Outcome = { kind: 'failed', reason: failure.reason, message: failure.message, stalled, inGrace };
  return end(run, outcome, retryOf(run, failure, stalled), failure.cause);
};

const retryOf = (run: Run, { retry }: ReconcileError, stalled: boolean): Requeue => {
  if (stalled) return atInterval(run);
  // A told time is never undercut: jitter only adds.
  return retry.kind === 'after'
    ? { kind: 'after', milliseconds: retry.seconds * 1000 * (1 + intervalJitter * run.deps.random()) }
    : backOff;
};

const atInterval = ({ object, deps }: Run): Requeue => {
  const interval = parseDuration(object.spec.interval ?? '') ?? deps.settings.intervalMilliseconds;
  return { kind: 'after', milliseconds: spread(interval, intervalJitter, deps.random()) };
};

/** Settles the status, writes it if it changed, and tells people what happened. */
const end = async (run: Run, outcome: Outcome, next: Requeue, cause?: unknown): Promise<Requeue> => {
  const settled = settle(withStatus(run.object, run.status), run.draft, outcome, new Date(run.deps.now()));
  await writeStatus(run, settled);
  tell(run, outcome, settled, cause);
  return next;
};

/** The spec and generation that the run began with, under the status as it stands now. */
const withStatus = (object: MaintenanceNotification, status: MaintenanceNotification['status']): MaintenanceNotification => {
  const { status: _, ...rest } = object;
  return status ? { ...rest, status } : rest;
};

const tell = (run: Run, outcome: Outcome, settled: NonNullable<MaintenanceNotification['status']>, cause?: unknown): void => {
  const news = announcements(run.object.status, settled, outcome, run.actions);
  for (const each of news) run.deps.announce(run.object, each);
  for (const { verb, part } of run.actions) if (verb === 'DriftCorrected') run.deps.onDriftCorrected?.(part);
  if (news.length === 0 && run.actions.length === 0) return;
  run.deps.log(run.object, {
    reconcileID: run.id,
    outcome: outcome.kind,
    ...('reason' in outcome ? { reason: outcome.reason, message: outcome.message } : {}),
    actions: run.actions.map(({ verb, part, target }) => `${verb} ${part} ${target}`),
    ...(cause === undefined ? {} : { cause }),
  });
};
