import { describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait.ts';
import { alertRulePath, clusterId, roles, subscription, userAssignedId, watcherPrincipalId } from './fixtures.ts';
import { byName, byStatus, day, groupId, minute, neighbourId, ruleId, startAlerts } from './alert-stage.ts';

const half = 30 * minute;

describe('a stateless rule', () => {
  it('fires at each evaluation with results', async () => {
    await using stage = await startAlerts();
    await stage.watch();
    stage.happen('1');
    stage.emulator.clock.advance(half - 1);
    expect(stage.mails()).toEqual([]);
    stage.emulator.clock.advance(1);
    expect(stage.mails()).toEqual(['Fired']);
    stage.emulator.clock.advance(half);
    expect(stage.mails()).toEqual(['Fired', 'Fired']);
  });

  it('makes up for all evaluations of a day, each at its own time', async () => {
    await using stage = await startAlerts();
    await stage.watch();
    stage.happen('1');
    stage.emulator.clock.advance(day);
    const times = stage.emulator.mailbox.messages().map(({ at }) => at);
    expect(times).toHaveLength(48);
    expect(times.slice(0, 2)).toEqual(['2026-11-01T12:30:00.123Z', '2026-11-01T13:00:00.123Z']);
    expect(times.at(-1)).toBe('2026-11-02T12:00:00.123Z');
  });

  it('tells one alert for each combination of dimension values, with how many rows it has', async () => {
    await using stage = await startAlerts();
    await stage.watch(byStatus);
    stage.happen('1', { eventStatus: 'Started' });
    stage.happen('2');
    stage.happen('3', { eventStatus: 'Started' });
    await stage.emulator.alerts.evaluate(ruleId);
    expect(stage.mails()).toEqual(['Fired Started', 'Fired Scheduled']);
    const counts = stage.emulator.mailbox.deliveries().map(({ alert }) => alert.data.alertContext.condition.allOf[0]?.metricValue);
    expect(counts).toEqual([2, 1]);
  });

  it.each([
    ['Include', ['Started'], ['Fired Started']],
    ['Include', ['Started', 'Failed'], ['Fired Started', 'Fired Failed']],
    ['Exclude', ['Started'], ['Fired Scheduled', 'Fired Failed']],
    ['Include', ['started'], []],
  ])('%ss the values %j', async (operator, values, expected) => {
    await using stage = await startAlerts();
    await stage.watch({ dimensions: [{ name: 'status', operator, values }] });
    for (const eventStatus of ['Started', 'Scheduled', 'Failed']) stage.happen(eventStatus, { eventStatus });
    await stage.emulator.alerts.evaluate(ruleId);
    expect(stage.mails()).toEqual(expected);
  });

  it.each([
    ['GreaterThan', 1, true],
    ['GreaterThan', 2, false],
    ['GreaterThanOrEqual', 2, true],
    ['Equals', 2, true],
    ['Equals', 1, false],
    ['LessThan', 3, true],
    ['LessThan', 2, false],
    ['LessThanOrEqual', 2, true],
  ])('with %s %d and two rows: fires is %s', async (operator, threshold, fires) => {
    await using stage = await startAlerts();
    await stage.watch({ operator, threshold });
    stage.happen('1');
    stage.happen('2');
    expect(await stage.emulator.alerts.evaluate(ruleId)).toMatchObject({ rows: 2, fired: fires ? 1 : 0 });
  });

  it('fires without any row when few rows are what it waits for', async () => {
    await using stage = await startAlerts();
    await stage.watch({ operator: 'LessThan', threshold: 1 });
    expect(await stage.emulator.alerts.evaluate(ruleId)).toMatchObject({ rows: 0, fired: 1 });
  });

  it('waits for as many periods as it was told', async () => {
    await using stage = await startAlerts();
    await stage.watch({ failingPeriods: { numberOfEvaluationPeriods: 3, minFailingPeriodsToAlert: 2 } });
    stage.happen('1');
    stage.emulator.clock.advance(half);
    expect(stage.mails()).toEqual([]);
    stage.emulator.clock.advance(half);
    expect(stage.mails()).toEqual(['Fired']);
  });

  it('keeps silent for as long as it is muted, each series for itself', async () => {
    await using stage = await startAlerts();
    await stage.watch(byName, { muteActionsDuration: 'PT1H' });
    stage.happen('1');
    stage.emulator.clock.advance(half);
    stage.happen('2');
    stage.emulator.clock.advance(half);
    expect(stage.mails()).toEqual(['Fired 1', 'Fired 2']);
    stage.emulator.clock.advance(half);
    expect(stage.mails()).toEqual(['Fired 1', 'Fired 2', 'Fired 1']);
  });

  it('takes a thousand rows and no more', async () => {
    await using stage = await startAlerts();
    await stage.watch();
    for (let index = 0; index < 1005; index += 1) stage.happen(String(index));
    expect(await stage.emulator.alerts.evaluate(ruleId)).toMatchObject({ rows: 1000, fired: 1 });
  });
});

describe('a stateful rule', () => {
  const stateful = { autoMitigate: true };

  it('fires once for each series', async () => {
    await using stage = await startAlerts();
    await stage.watch(byName, stateful);
    stage.happen('1');
    stage.emulator.clock.advance(half);
    stage.happen('2');
    stage.emulator.clock.advance(day);
    expect(stage.mails()).toEqual(['Fired 1', 'Fired 2']);
  });

  it.each([
    ['PT5M', 15],
    ['PT15M', 45],
    ['PT30M', 60],
    ['PT6H', 720],
  ])('evaluated every %s resolves after %i minutes without results, and says so once', async (evaluationFrequency, minutes) => {
    await using stage = await startAlerts();
    await stage.watch({ operator: 'LessThan', threshold: 1 }, { ...stateful, evaluationFrequency });
    const { fired } = await stage.emulator.alerts.evaluate(ruleId);
    expect(fired).toBe(1);
    const { alertId } = stage.emulator.mailbox.deliveries()[0]!.alert.data.essentials;
    stage.happen('1');
    stage.emulator.clock.advance(minutes * minute - 1);
    expect(stage.mails()).toEqual(['Fired']);
    stage.emulator.clock.advance(1 + day);
    expect(stage.mails()).toEqual(['Fired', 'Resolved']);
    const { essentials } = stage.emulator.mailbox.deliveries()[1]!.alert.data;
    expect(essentials.alertId).toBe(alertId);
    expect(Date.parse(essentials.resolvedDateTime ?? '') - Date.parse(essentials.firedDateTime)).toBe(minutes * minute);
    expect(stage.emulator.mailbox.messages()[1]?.subject).toContain('Resolved:Sev3');
  });

  it('fires no more than three hundred at once; the others follow', async () => {
    await using stage = await startAlerts();
    await stage.watch(byName, stateful);
    for (let index = 0; index < 305; index += 1) stage.happen(String(index));
    expect(await stage.emulator.alerts.evaluate(ruleId)).toMatchObject({ fired: 300 });
    expect(await stage.emulator.alerts.evaluate(ruleId)).toMatchObject({ fired: 5 });
  });
});

describe('what a rule sees', () => {
  it('is what its identity may read: nothing, and nobody is told', async () => {
    await using stage = await startAlerts();
    const principalId = await stage.watch();
    const reader = stage.emulator.resources().roleAssignments.find(({ properties }) => JSON.stringify(properties).includes(principalId));
    stage.emulator.world.removeRoleAssignment(reader?.name ?? '');
    stage.happen('1');
    expect(await stage.emulator.alerts.evaluate(ruleId)).toEqual({
      ruleId,
      at: '2026-11-01T12:00:00.123Z',
      rows: 0,
      fired: 0,
      resolved: 0,
    });
    expect(stage.mails()).toEqual([]);
  });

  it('is more when a role that was given has begun to act, evaluation by evaluation', async () => {
    await using stage = await startAlerts({ roleDelaySeconds: 45 * 60 });
    const { send, emulator } = stage;
    const { identity } = (await send('PUT', alertRulePath('other'), { body: ruleBody() })).body;
    const assignment = `${subscription}/providers/Microsoft.Authorization/roleAssignments/7aaaaaaa-7777-4777-8777-777777777777`;
    const roleDefinitionId = `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${roles.reader}`;
    const properties = { roleDefinitionId, principalId: identity.principalId, principalType: 'ServicePrincipal' };
    expect((await send('PUT', `${assignment}?api-version=2022-04-01`, { body: { properties } })).status).toBe(201);
    stage.happen('1');
    emulator.clock.advance(3 * half);
    expect(emulator.alerts.evaluations().map(({ rows }) => rows)).toEqual([0, 1, 1]);
  });

  it('goes by the query, not by the scope', async () => {
    await using stage = await startAlerts();
    await stage.watch({ ...byName, query: 'arg("").containerserviceeventresources | where id contains "prod"' });
    stage.happen('mine');
    stage.happen('theirs', {}, neighbourId);
    await stage.emulator.alerts.evaluate(ruleId);
    expect(stage.mails()).toEqual(['Fired mine', 'Fired theirs']);
  });

  it('leaves out a neighbour whose name begins alike when the query ends the name', async () => {
    await using stage = await startAlerts();
    await stage.watch(byName);
    stage.happen('mine');
    stage.happen('theirs', {}, neighbourId);
    await stage.emulator.alerts.evaluate(ruleId);
    expect(stage.mails()).toEqual(['Fired mine']);
  });

  it('is what a user-assigned identity may read, as long as there is one', async () => {
    await using stage = await startAlerts();
    await stage.watch({}, {}, { identity: { type: 'UserAssigned', userAssignedIdentities: { [userAssignedId]: {} } } });
    stage.happen('1');
    expect(await stage.emulator.alerts.evaluate(ruleId)).toMatchObject({ rows: 0 });
    stage.emulator.world.addRoleAssignment({ scope: clusterId, roleDefinitionId: roles.reader, principalId: watcherPrincipalId });
    expect(await stage.emulator.alerts.evaluate(ruleId)).toMatchObject({ rows: 1, fired: 1 });
    stage.emulator.world.removeUserAssignedIdentity(userAssignedId);
    expect(await stage.emulator.alerts.evaluate(ruleId)).toMatchObject({ rows: 0, fired: 0 });
  });
});

const ruleBody = (change: object = {}): object => ({
  location: 'westeurope',
  identity: { type: 'SystemAssigned' },
  properties: {
    severity: 3,
    scopes: [clusterId],
    evaluationFrequency: 'PT30M',
    windowSize: 'PT30M',
    autoMitigate: false,
    criteria: {
      allOf: [
        { query: 'arg("").containerserviceeventresources', timeAggregation: 'Count', operator: 'GreaterThan', threshold: 0, ...change },
      ],
    },
  },
});

describe('when a rule is evaluated', () => {
  it('goes by its last change', async () => {
    await using stage = await startAlerts();
    await stage.watch();
    stage.happen('1');
    stage.emulator.clock.advance(half - 1);
    await stage.watch();
    stage.emulator.clock.advance(half - 1);
    expect(stage.mails()).toEqual([]);
    stage.emulator.clock.advance(1);
    expect(stage.mails()).toEqual(['Fired']);
  });

  it('is never when it is disabled or gone', async () => {
    await using stage = await startAlerts();
    await stage.watch();
    stage.happen('1');
    const { world, clock } = stage.emulator;
    world.changeAlertRule(ruleId, (body) => ({ ...body, properties: { ...body.properties, enabled: false } }));
    clock.advance(day);
    world.changeAlertRule(ruleId, (body) => ({ ...body, properties: { ...body.properties, enabled: true } }));
    world.deleteAlertRule(ruleId);
    clock.advance(day);
    expect(stage.emulator.alerts.evaluations()).toEqual([]);
  });

  it('is in the order of time, whatever the rules', async () => {
    await using stage = await startAlerts();
    await stage.watch({}, { evaluationFrequency: 'PT45M', windowSize: 'PT45M' });
    await stage.send('PUT', alertRulePath('other'), { body: ruleBody() });
    stage.emulator.clock.advance(90 * minute);
    const order = stage.emulator.alerts.evaluations().map(({ ruleId: id, at }) => `${id.split('/').at(-1) ?? ''} ${at.slice(11, 16)}`);
    expect(order).toEqual(['other 12:30', 'watch 12:45', 'other 13:00', 'watch 13:30', 'other 13:30']);
  });

  it('is only when somebody asks, unless the emulator was told to evaluate; nothing is made up for', async () => {
    await using stage = await startAlerts({ evaluateAlerts: 'off' });
    await stage.watch();
    stage.happen('1');
    stage.emulator.clock.advance(day);
    await stage.emulator.alerts.settled();
    expect(stage.mails()).toEqual([]);
    await stage.emulator.alerts.evaluate(ruleId);
    expect(stage.mails()).toEqual(['Fired']);
    stage.emulator.settings.set({ evaluateAlerts: 'on' });
    stage.emulator.clock.advance(half);
    expect(stage.mails()).toEqual(['Fired', 'Fired']);
  });

  it('comes by real time, too', async () => {
    let now = Date.UTC(2026, 10, 1);
    await using stage = await startAlerts({ clock: () => new Date(now) });
    await stage.watch();
    stage.happen('1');
    now += half;
    await waitFor('a mail', () => stage.mails()[0]);
    expect(stage.mails()).toEqual(['Fired']);
    now += half;
    await stage.emulator.alerts.settled();
    expect(stage.mails()).toEqual(['Fired', 'Fired']);
  });
});

describe('an evaluation that fails', () => {
  it.each([
    ['an aggregation', { timeAggregation: 'Average' }, "The emulator doesn't have the aggregation 'Average'."],
    ['an operator', { operator: 'GreaterOrLessThan' }, "The emulator doesn't have the operator 'GreaterOrLessThan'."],
    ['another table', { query: 'Heartbeat' }, 'Heartbeat'],
    ['a column that is missing', { dimensions: [{ name: 'reason', operator: 'Include', values: ['*'] }] }, "'reason' is not a column"],
    [
      'a column that is no text',
      { query: 'arg("").containerserviceeventresources', dimensions: [{ name: 'properties', operator: 'Include', values: ['*'] }] },
      'only texts and numbers',
    ],
  ])('for %s is listed with its reason, and tells nobody', async (_what, change, fault) => {
    await using stage = await startAlerts();
    await stage.watch(change);
    stage.happen('1');
    stage.emulator.clock.advance(half);
    const [evaluation] = stage.emulator.alerts.evaluations();
    expect(evaluation).toMatchObject({ ruleId, rows: 0, fired: 0 });
    expect(evaluation?.fault).toContain(fault);
    expect(stage.mails()).toEqual([]);
  });

  it('needs a rule', async () => {
    await using stage = await startAlerts();
    await expect(stage.emulator.alerts.evaluate(groupId)).rejects.toThrow('there is no alert rule');
  });
});
