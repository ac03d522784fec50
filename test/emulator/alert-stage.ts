import { expect } from 'vitest';
import type { Emulator, EmulatorOptions } from '../../emulator/emulator.ts';
import {
  actionGroup,
  actionGroupPath,
  alertRule,
  alertRulePath,
  clusterId,
  condition,
  group,
  roles,
  startAzure,
  stoppedClock,
  subscription,
  type Send,
} from './fixtures.ts';

export const minute = 60_000;
export const day = 1440 * minute;
/** A cluster whose name begins like that of `clusterId`. */
export const neighbourId = `${group}/providers/Microsoft.ContainerService/managedClusters/prod-2`;
export const groupId = actionGroupPath('notify').split('?')[0] ?? '';
export const ruleId = alertRulePath('watch').split('?')[0] ?? '';

/** Asks for everything that is told of one cluster, each row by its name and status. */
const query = [
  'arg("").containerserviceeventresources',
  `| where id contains "${clusterId}/"`,
  '| extend status = tostring(properties.eventStatus)',
  '| project name, status',
].join('\n');

const splitBy = (name: string, ...values: readonly string[]) => ({ name, operator: 'Include', values });
/** One series for each row. */
export const byName = { dimensions: [splitBy('name', '*')] };
export const byStatus = { dimensions: [splitBy('status', '*')] };

/** An emulator that evaluates, by a clock that stands still, with one action group that mails to `oncall@contoso.com`. */
export interface AlertStage extends AsyncDisposable {
  readonly emulator: Emulator;
  readonly send: Send;
  /** Makes or replaces the rule `watch` and gives its identity Reader; of the condition and of the properties some may be replaced. */
  readonly watch: (change?: object, properties?: object, top?: object) => Promise<string>;
  /** Makes or replaces the action group. */
  readonly notify: (properties: object) => Promise<void>;
  readonly happen: (name: string, properties?: Readonly<Record<string, unknown>>, cluster?: string) => void;
  /** What lies in the mailbox, as `Fired 1` or `Resolved 1` with the values of the dimensions. */
  readonly mails: () => readonly string[];
}

export const startAlerts = async (options: Partial<EmulatorOptions> = {}): Promise<AlertStage> => {
  const azure = await startAzure({ evaluateAlerts: 'on', clock: stoppedClock().now, ...options });
  const { emulator, send } = azure;
  const notify = async (properties: object): Promise<void> => {
    const { status } = await send('PUT', actionGroupPath('notify'), { body: actionGroup({ ...properties }) });
    expect(status).toBeLessThan(300);
  };
  await notify({});
  return {
    emulator,
    send,
    notify,
    watch: async (change = {}, properties = {}, top = {}) => {
      const criteria = { allOf: [condition({ query, ...change })] };
      const body = alertRule({ actions: { actionGroups: [groupId] }, criteria, ...properties }, { ...top });
      const { status, body: made } = await send('PUT', alertRulePath('watch'), { body });
      expect(status).toBeLessThan(300);
      const { principalId } = made.identity;
      if (status === 201 && principalId !== undefined)
        emulator.world.addRoleAssignment({ scope: subscription, roleDefinitionId: roles.reader, principalId });
      return String(principalId);
    },
    happen: (name, properties = {}, cluster = clusterId) => {
      emulator.world.addEventRow({ id: `${cluster}/scheduledEvents/${name}`, properties: { eventStatus: 'Scheduled', ...properties } });
    },
    mails: () =>
      emulator.mailbox
        .messages()
        .map(({ monitorCondition, dimensions }) => [monitorCondition, ...dimensions.map(({ value }) => value)].join(' ')),
    [Symbol.asyncDispose]: () => azure[Symbol.asyncDispose](),
  };
};
