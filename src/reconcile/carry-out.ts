import { desiredActionGroup, hasReceivers } from '../core/action-group.ts';
import { desiredAlertRule } from '../core/alert-rule.ts';
import { prerequisitesMet, type ClusterFacts } from '../core/cluster-facts.ts';
import { conditionOf } from '../core/conditions.ts';
import type { PartType } from '../api/condition.ts';
import { ReconcileError } from '../core/failure.ts';
import { announce, leftovers, type InventoryEntry } from '../core/inventory.ts';
import { derivedIds, placeOf } from '../core/place.ts';
import { upgradeTypes } from '../core/query.ts';
import { resourceIdOf, sameId } from '../core/resource-id.ts';
import { desiredRoleAssignment, readerScopes } from '../core/role-assignment.ts';
import { settle } from '../core/settle.ts';
import { ensureActionGroup, ensureOthersExist } from './action-group.ts';
import { ensureAlertRule } from './alert-rule.ts';
import { stopsTheRest } from './facts-cache.ts';
import { ensureReaderAccess } from './reader-access.ts';
import { removeLeftovers } from './remove.ts';
import { claim, maximumAge, writeStatus, type Run } from './run.ts';
import { failureWithoutSecrets, resolveSecrets } from './secrets.ts';
import { noteInherited } from './shared-access.ts';

/**
 * Brings Azure in line with the spec: cluster facts, action group, alert rule, Reader assignments, and then away with what is no
 * longer wanted. New first, then old, so that notices don't pause while things move. Returns the first failure: the parts after it
 * need the ones before.
 */
export const carryOut = async (run: Run): Promise<ReconcileError | undefined> => {
  const { spec } = run.object;
  const cluster = resourceIdOf(spec.clusterResourceId);
  const place = placeOf(spec, cluster);
  const ids = derivedIds(run.owner, cluster.name, place);
  const ownGroupIds = [ids.actionGroupId, ...run.draft.inventory.filter(({ kind }) => kind === 'ActionGroup').map(({ id }) => id)];
  const named = spec.actionGroupIds?.find((id) => ownGroupIds.some((own) => sameId(id, own)));
  if (named !== undefined) return ownGroupNamed(named);
  await begin(run, ids);

  let part: PartType = 'PrerequisitesMet';
  try {
    const location = await readCluster(run);
    part = 'ActionGroupReady';
    const group = desiredActionGroup(await resolveSecrets(run), run.owner, place, cluster.name);
    await ensureActionGroup(run, group);
    part = 'AlertRuleReady';
    const actionGroupIds = [...(group ? [group.id] : []), ...(spec.actionGroupIds ?? [])];
    const rule = desiredAlertRule({ spec, owner: run.owner, cluster, place, location, actionGroupIds });
    const principal = await ensureAlertRule(run, rule);
    part = 'ReaderAccessReady';
    await noteInherited(run, cluster, principal);
    run.draft = { ...run.draft, principalId: principal.principalId };
    const assignments = readerScopes(spec, cluster).map((scope) => desiredRoleAssignment(run.owner, scope, principal.principalId));
    const standing = await ensureReaderAccess(run, assignments, principal);

    const wanted = [...assignments, ...standing, rule, ...(group ? [group] : [])].map(({ id }) => id);
    const old = leftovers(run.draft.inventory, wanted);
    const [oldGroups, oldOthers] = [old.filter(isGroup), old.filter((each) => !isGroup(each))];
    const left = await removeLeftovers(run, oldOthers);
    // The old group goes only when the groups that take its place are known to exist, and nothing is left that may call it.
    part = 'ActionGroupReady';
    await ensureOthersExist(run, group);
    part = 'AlertRuleReady';
    if (principal.refused) throw principal.refused;
    return left ?? (await removeLeftovers(run, oldGroups));
  } catch (thrown) {
    if (!(thrown instanceof ReconcileError)) throw thrown;
    const failure = failureWithoutSecrets(run, thrown);
    // A cluster that can't be read leaves open whether notices will come; only a missing one answers that.
    const isOpen = part === 'PrerequisitesMet' && failure.reason !== 'ClusterNotFound';
    claim(run, part, isOpen ? 'Unknown' : 'False', failure.reason, failure.message);
    return failure;
  }
};

const isGroup = ({ kind }: InventoryEntry): boolean => kind === 'ActionGroup';

const ownGroupNamed = (id: string): ReconcileError =>
  new ReconcileError(
    'InvalidSpec',
    `spec.actionGroupIds names ${id}, a group that this object makes itself: take it off the list and say in spec.receivers whom to tell.`,
    { stalls: 'atOnce' },
  );

/**
 * The first write of a run that has something to do: says that work has begun on a new generation, and what will be made. One write
 * serves both, and there is none when both are known already.
 */
const begin = async (run: Run, ids: ReturnType<typeof derivedIds>): Promise<void> => {
  let { inventory } = run.draft;
  if (hasReceivers(run.object.spec)) inventory = announce(inventory, 'ActionGroup', ids.actionGroupId);
  inventory = announce(inventory, 'AlertRule', ids.alertRuleId);
  run.draft = { ...run.draft, inventory };
  const isNew = conditionOf(run.status?.conditions, 'Ready')?.observedGeneration !== run.object.metadata.generation;
  await writeStatus(
    run,
    isNew ? settle(run.object, run.draft, { kind: 'progressing' }, new Date(run.deps.now())) : { ...run.status, resources: [...inventory] },
  );
};

/** Reads the cluster, or takes what is known of it; says whether Azure will announce anything. Returns the rule's location. */
const readCluster = async (run: Run): Promise<string> => {
  const { spec, status } = run.object;
  const types = spec.upgradeTypes ?? upgradeTypes;
  try {
    const known = factsFrom(status?.cluster);
    const remembered = known && { facts: known, unreadable: undefined };
    const { facts, unreadable } = await run.deps.clusterFacts.get(spec.clusterResourceId, maximumAge(run), remembered, run.signal);
    const { type, status: word, reason, message } = prerequisitesMet(types, facts, unreadable);
    claim(run, type, word, reason, message);
    run.draft = { ...run.draft, cluster: statusOf(facts, resourceIdOf(spec.clusterResourceId).name) };
    return spec.placement?.location ?? facts.location;
  } catch (thrown) {
    const location = spec.placement?.location ?? status?.cluster?.location;
    // What is known of the cluster only decides a warning, as long as it is known where the rule goes.
    if (!(thrown instanceof ReconcileError && location) || thrown.reason === 'ClusterNotFound' || stopsTheRest(thrown)) throw thrown;
    claim(run, 'PrerequisitesMet', 'Unknown', thrown.reason, thrown.message);
    return location;
  }
};

type ClusterStatus = NonNullable<NonNullable<Run['object']['status']>['cluster']>;

const statusOf = (facts: ClusterFacts, name: string): ClusterStatus => ({
  name,
  location: facts.location,
  upgradeChannel: facts.upgradeChannel,
  nodeOSUpgradeChannel: facts.nodeOSUpgradeChannel,
  ...(facts.maintenanceWindows ? { maintenanceWindows: [...facts.maintenanceWindows] } : {}),
});

/** Undefined unless everything was known: what is missing has to be read. */
const factsFrom = (cluster: ClusterStatus | undefined): ClusterFacts | undefined => {
  const { location, upgradeChannel, nodeOSUpgradeChannel, maintenanceWindows } = cluster ?? {};
  return location && upgradeChannel && nodeOSUpgradeChannel && maintenanceWindows
    ? { location, upgradeChannel, nodeOSUpgradeChannel, maintenanceWindows }
    : undefined;
};
