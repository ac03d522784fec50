import { randomUUID } from 'node:crypto';
import { allReceivers } from './action-group-limits.ts';
import type { GroupBody, ReceiverStatus, StoredActionGroup } from './action-groups.ts';
import type { RuleBody, StoredAlertRule } from './alert-rules.ts';
import { dropIdentity, identityAsSent, settleIdentity, type IdentityBody, type StoredIdentity } from './identity.ts';
import { idKey } from './resource-id.ts';
import type { State } from './state.ts';

/** Changes what clients have made, as somebody does in the portal: what a PUT would refuse passes here. */
export interface Drift {
  /** An identity that is named anew is made, and one that isn't named any more is dropped, as by a PUT. */
  readonly changeAlertRule: (id: string, change: (body: RuleBody) => RuleBody) => void;
  /** Its role assignments stay behind, as orphans. */
  readonly deleteAlertRule: (id: string) => void;
  /** Deletes it and makes it again with the same body: a system-assigned identity has another principal then. */
  readonly recreateAlertRule: (id: string) => void;
  readonly changeActionGroup: (id: string, change: (body: GroupBody) => GroupBody) => void;
  readonly deleteActionGroup: (id: string) => void;
  /** Of a mail or SMS receiver, by its name; it stays so whatever is written to the group. */
  readonly setReceiverStatus: (groupId: string, receiverName: string, status: ReceiverStatus) => void;
  /** From now on nothing reaches this receiver, of any list, and test notifications give `detail` as the reason; `undefined` ends it. */
  readonly failReceiver: (groupId: string, receiverName: string, detail: string | undefined) => void;
}

/** Who did it, as a rule's `systemData` says. */
const somebody = 'somebody@contoso.com';

/** The functions of the world handle that change alert rules and action groups. Each throws when there is none of that id. */
export const createDrift = (state: State, clock: () => Date): Drift => {
  const alertRule = (id: string): StoredAlertRule => {
    const found = state.alertRules.get(idKey(id));
    if (found === undefined) throw new Error(`there is no alert rule ${id}`);
    return found;
  };
  const actionGroup = (id: string): StoredActionGroup => {
    const found = state.actionGroups.get(idKey(id));
    if (found === undefined) throw new Error(`there is no action group ${id}`);
    return found;
  };

  const sent = (identity: StoredIdentity | undefined): { identity?: IdentityBody } => {
    const body = identityAsSent(identity);
    return body === undefined ? {} : { identity: body };
  };
  const settled = (wanted: IdentityBody | null | undefined, existing?: StoredIdentity): { identity?: StoredIdentity } => {
    const identity = settleIdentity({ state, clock }, wanted, existing);
    return identity === undefined ? {} : { identity };
  };
  const now = () => ({ by: somebody, at: clock() });

  return {
    changeAlertRule: (id, change) => {
      const { identity: existing, ...kept } = alertRule(id);
      const { identity, ...body } = structuredClone(change(structuredClone({ ...kept.body, ...sent(existing) })));
      state.alertRules.set(idKey(id), { ...kept, body, ...settled(identity, existing), etag: randomUUID(), modified: now() });
    },
    deleteAlertRule: (id) => {
      dropIdentity({ state }, alertRule(id).identity);
      state.alertRules.delete(idKey(id));
    },
    recreateAlertRule: (id) => {
      const { identity, ...kept } = alertRule(id);
      dropIdentity({ state }, identity);
      const again = { ...settled(identityAsSent(identity)), etag: randomUUID(), isUpdated: false, created: now(), modified: now() };
      state.alertRules.set(idKey(id), { ...kept, ...again });
    },
    changeActionGroup: (id, change) => {
      const { identity: existing, ...kept } = actionGroup(id);
      const { identity, ...body } = structuredClone(change(structuredClone({ ...kept.body, ...sent(existing) })));
      state.actionGroups.set(idKey(id), { ...kept, body, ...settled(identity, existing) });
    },
    deleteActionGroup: (id) => {
      dropIdentity({ state }, actionGroup(id).identity);
      state.actionGroups.delete(idKey(id));
    },
    setReceiverStatus: (groupId, receiverName, status) => {
      const group = actionGroup(groupId);
      const { emailReceivers, smsReceivers } = group.body.properties;
      const name = receiverName.toLowerCase();
      const isThere = [...(emailReceivers ?? []), ...(smsReceivers ?? [])].some((each) => String(each['name']).toLowerCase() === name);
      if (!isThere) throw new Error(`${groupId} has no mail or SMS receiver ${receiverName}`);
      state.actionGroups.set(idKey(groupId), { ...group, receiverStatus: { ...group.receiverStatus, [name]: status } });
    },
    failReceiver: (groupId, receiverName, detail) => {
      const group = actionGroup(groupId);
      const name = receiverName.toLowerCase();
      if (!allReceivers(group.body).some((each) => String(each['name']).toLowerCase() === name))
        throw new Error(`${groupId} has no receiver ${receiverName}`);
      const { [name]: _before, ...faults } = group.receiverFaults ?? {};
      const receiverFaults = detail === undefined ? faults : { ...faults, [name]: detail };
      state.actionGroups.set(idKey(groupId), { ...group, receiverFaults });
    },
  };
};
