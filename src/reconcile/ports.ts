import type { MaintenanceNotification, MaintenanceNotificationStatus } from '../api/maintenance-notification.ts';
import type { ActionGroups } from '../azure/action-groups.ts';
import type { AlertRules } from '../azure/alert-rules.ts';
import type { Clusters } from '../azure/clusters.ts';
import type { Identities } from '../azure/identities.ts';
import type { RoleAssignments } from '../azure/role-assignments.ts';
import type { TestNotifications } from '../azure/test-notifications.ts';
import type { Action, Announcement } from '../core/announcements.ts';
import type { AllowedScopes } from '../core/boundary.ts';
import type { ClusterFactsCache } from './cluster-facts-cache.ts';
import type { IdentityCache } from './identity.ts';
import type { RunMemory } from './run-memory.ts';
import type { Secrets } from './secrets.ts';
import type { Survey } from './survey.ts';

/** Our objects in Kubernetes, as a run needs them. Each write returns the object as the API server answered it. */
export interface Objects {
  get(key: string): MaintenanceNotification | undefined;
  list(): readonly MaintenanceNotification[];
  addFinalizer(object: MaintenanceNotification, signal: AbortSignal): Promise<MaintenanceNotification>;
  removeFinalizer(object: MaintenanceNotification, signal: AbortSignal): Promise<void>;
  /**
   * Puts `status` in the place of `known`, what the status was when it was last seen. Rejects with a conflict when it has become another
   * meanwhile, or the object has: a write of a former leader that lands late, or a stale store, must not make us forget what was made.
   */
  writeStatus(
    object: MaintenanceNotification,
    known: MaintenanceNotificationStatus | undefined,
    status: MaintenanceNotificationStatus,
    signal: AbortSignal,
  ): Promise<MaintenanceNotification>;
}

export interface Azure {
  readonly clusters: Clusters;
  readonly identities: Identities;
  readonly actionGroups: ActionGroups;
  readonly alertRules: AlertRules;
  readonly roleAssignments: RoleAssignments;
  readonly testNotifications: TestNotifications;
}

/** Everything that a run uses besides its key. */
export interface Deps {
  readonly objects: Objects;
  readonly azure: Azure;
  readonly clusterFacts: ClusterFactsCache;
  readonly identities: IdentityCache;
  readonly memory: RunMemory;
  readonly survey: Survey;
  readonly secrets: Secrets;
  /** Asks for a run of an object soon. */
  again(key: string): void;
  /** Tells people; never fails and never waits. */
  announce(object: MaintenanceNotification, announcement: Announcement): void;
  /** For the log of the operator. */
  log(object: MaintenanceNotification, entry: RunLog): void;
  /** For metrics: a run found or brought everything in place. */
  readonly onSuccess?: (key: string) => void;
  /** For metrics: something had been changed in Azure by somebody else and was put right. */
  readonly onDriftCorrected?: (part: Action['part'], field: string) => void;
  now(): number;
  /** A number in [0, 1). */
  random(): number;
  readonly settings: Settings;
}

export interface Settings {
  readonly installationId: string;
  /** Between two looks for drift, unless the object says otherwise. */
  readonly intervalMilliseconds: number;
  /** How long an object stays Ready through transient failures; 0: not at all. */
  readonly readyGraceMilliseconds: number;
  /** What objects may reach in Azure. Empty: everything. */
  readonly allowedScopes: AllowedScopes;
  /** Where Secrets may be read for receivers. Empty: nowhere. */
  readonly secretNamespaces: readonly string[];
}

/** What the operator's log says of a run that did or suffered something. */
export interface RunLog {
  readonly reconcileID: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly message?: string;
  readonly actions: readonly string[];
  readonly cause?: unknown;
}
