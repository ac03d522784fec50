import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { MaintenanceNotification, MaintenanceNotificationStatus, TestNotification } from '../api/maintenance-notification.ts';
import type { Claim, PartType } from '../api/condition.ts';
import type { ActionGroup } from '../core/action-group.ts';
import type { Action } from '../core/announcements.ts';
import { conditionOf } from '../core/conditions.ts';
import type { ForeignTags } from '../core/difference.ts';
import { entryOf } from '../core/inventory.ts';
import type { Owner } from '../core/owner.ts';
import { draftFrom, isReady, type Draft } from '../core/settle.ts';
import { reconcileAnnotation } from '../api/names.ts';
import { freshness } from './facts-cache.ts';
import type { Deps } from './ports.ts';
import type { Listed } from './survey.ts';

/**
 * One run over one object. What the run finds out gathers in `draft` and `actions`; the spec and the generation stay those that the
 * run began with, however the object changes meanwhile.
 */
export interface Run {
  readonly key: string;
  /** Tells this run from others in the log. */
  readonly id: string;
  readonly object: MaintenanceNotification;
  readonly owner: Owner;
  readonly signal: AbortSignal;
  readonly deps: Deps;
  /** Whether all this stood in Azure before, as this very generation asks: a change that is needed now is then drift. */
  readonly hasStood: boolean;
  /** This spec of this object, for the memory. */
  readonly version: string;
  draft: Draft;
  /** The addresses of its receivers, from Secrets or not: nothing that leaves the run may show them. */
  readonly secrets: string[];
  readonly actions: Action[];
  /** The action group of our own, once this run knows that it stands. */
  group: ActionGroup | undefined;
  /** What people were last told of a test that somebody asked for. */
  toldOfTest: TestNotification | undefined;
  /** What the shared lists show, in a run that only looks for drift. */
  listed: Listed | undefined;
  /** The status as the API server last answered it. */
  status: MaintenanceNotificationStatus | undefined;
  /** Called just before each write to Azure or Kubernetes; throws when no write may begin any more. */
  beforeWrite(): void;
}

export const beginRun = (key: string, object: MaintenanceNotification, deps: Deps, signal: AbortSignal, stopping: AbortSignal): Run => ({
  key,
  id: randomUUID(),
  object,
  owner: { installationId: deps.settings.installationId, namespace: object.metadata.namespace, name: object.metadata.name },
  signal,
  deps,
  hasStood: deps.memory.hasStood(key, versionOf(object)) || isReady(object),
  version: versionOf(object),
  draft: draftFrom(object.status),
  secrets: [],
  actions: [],
  group: undefined,
  toldOfTest: object.status?.testNotification,
  listed: undefined,
  status: object.status,
  beforeWrite: () => {
    stopping.throwIfAborted();
    signal.throwIfAborted();
  },
});

const versionOf = ({ metadata }: MaintenanceNotification): string => `${metadata.uid}/${metadata.generation}`;

/** Whether somebody asked for a run by annotation, and no run has answered yet. */
export const isAskedFor = ({ metadata: { annotations }, status }: MaintenanceNotification): boolean => {
  const request = annotations?.[reconcileAnnotation];
  return request !== undefined && request !== status?.lastHandledReconcileAt;
};

/**
 * How old what seldom changes in Azure may be in this run. What was read for this very generation serves it until it is carried out, however
 * often its calls have to wait for their turns.
 */
export const maximumAge = ({ object, key, version, deps }: Run): number => {
  if (isAskedFor(object)) return freshness.asked;
  if (object.status?.observedGeneration === object.metadata.generation) return freshness.regular;
  const lasted = deps.now() - deps.memory.begun(key, version, deps.now());
  return Math.min(freshness.newSpec + lasted, freshness.regular - 1);
};

/**
 * What there is of one thing: what the shared lists show, when that is as it should be; anything else is asked for by itself, so that
 * nothing is changed on the word of a list.
 */
export const lookFor = async <Seen>(
  listed: Seen | undefined,
  isAsWanted: (seen: Seen) => boolean,
  observe: () => Promise<Seen | undefined>,
): Promise<Seen | undefined> => (listed !== undefined && isAsWanted(listed) ? listed : observe());

/** Writes the status, if it differs from what the API server has. */
export const writeStatus = async (run: Run, status: MaintenanceNotificationStatus): Promise<void> => {
  if (isDeepStrictEqual(run.status, status)) return;
  run.beforeWrite();
  const { status: written } = await run.deps.objects.writeStatus(run.object, run.status, status, run.signal);
  run.status = written;
};

/** Stores the inventory as it stands in the draft: called before a thing is made, so that no crash can lose it. */
export const writeAhead = async (run: Run): Promise<void> => writeStatus(run, { ...run.status, resources: [...run.draft.inventory] });

/**
 * Whether tags that we don't ask for are to go: until this version of the spec has once been written, one of them may be a tag that was
 * taken off the spec.
 */
export const foreignTagsOf = (
  { hasStood, deps, key, version, object: { status, metadata } }: Run,
  part: PartType,
  id: string,
): ForeignTags => {
  const before = conditionOf(status?.conditions, part);
  // A restart forgets what was written; the part that stood says so in the status.
  const stood = before?.status === 'True' && before.observedGeneration === metadata.generation;
  return hasStood || stood || deps.memory.hasWritten(key, version, id) ? 'ignored' : 'differ';
};

/**
 * Whether this run may take a thing over that isn't ours. Not once it has stood as this generation asks: two objects that take from each
 * other would never end.
 */
export const mayAdopt = ({ object: { spec, metadata, status }, hasStood }: Run, id: string): boolean =>
  spec.conflictPolicy === 'Adopt' &&
  !hasStood &&
  !(status?.observedGeneration === metadata.generation && entryOf(status.resources ?? [], id)?.state === 'Present');

/** Puts a part's claim into the draft, in place of an earlier one. */
export const claim = (run: Run, type: PartType, status: Claim['status'], reason: Claim['reason'], message: string): void => {
  run.draft = { ...run.draft, claims: [...run.draft.claims.filter((each) => each.type !== type), { type, status, reason, message }] };
};
