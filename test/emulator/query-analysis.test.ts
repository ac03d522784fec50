import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileQuery } from '../../emulator/kql/compile.ts';
import { diagnose, shapeOf } from '../../emulator/kql/language.ts';
import { desiredAlertRule } from '../../src/core/alert-rule.ts';
import { dimensionNames, eventStatuses, maintenanceQuery, upgradeTypes } from '../../src/core/query.ts';
import { truthCluster as cluster } from '../../simulation/notice-rows.ts';
import { clusterId, specWith } from '../support/notification.ts';

const everything = { cluster, upgradeTypes, statuses: eventStatuses, endOfSupport: false, lookBackMinutes: 63, settlingMinutes: 30 };

/** All ways to choose at least one. */
const choices = <Item>(items: readonly Item[]): readonly (readonly Item[])[] =>
  items
    .reduce<readonly (readonly Item[])[]>((chosen, item) => chosen.flatMap((each) => [each, [...each, item]]), [[]])
    .filter(({ length }) => length > 0);

const minutes = (most: number): fc.Arbitrary<string> => fc.integer({ min: 0, max: most }).map((count) => `${count}m`);

/** Letters that mean something to KQL, to JSON or to an editor, beside any others. */
const wild = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.stringMatching(/^["'\\\n\r/|*;`@h()[\]{}]{0,8}$/),
  fc.constantFrom('c" or 1==1 //', 'c\\', 'c\n| union *', 'c\u2028| take 1', '"; drop', '```', "h'x'", '\\u0022', '"@"'),
);

describe("Microsoft's own analysis of the query", () => {
  it.each([false, true])('has nothing to say for any choice of types and statuses, end of support %s', (endOfSupport) => {
    for (const types of choices(upgradeTypes))
      for (const statuses of choices(eventStatuses)) {
        const query = maintenanceQuery({ ...everything, upgradeTypes: types, statuses, endOfSupport });
        expect({ types, statuses, found: diagnose(query, 'alert') }).toEqual({ types, statuses, found: [] });
      }
  });

  it('has nothing to say for any spec', () => {
    const specs = fc.record({
      upgradeTypes: fc.option(fc.subarray([...upgradeTypes], { minLength: 1 }), { nil: undefined }),
      statuses: fc.option(fc.subarray([...eventStatuses], { minLength: 1 }), { nil: undefined }),
      endOfSupportNotices: fc.boolean(),
      alertRule: fc.record({
        evaluationFrequency: fc.constantFrom('5m', '10m', '15m', '30m', '45m', '1h', '2h', '3h', '4h', '5h', '6h', '24h'),
        settlingTime: minutes(720),
        overlap: minutes(720),
      }),
    });
    fc.assert(
      fc.property(specs, wild, wild, wild, ({ upgradeTypes: types, statuses, ...rest }, subscriptionId, resourceGroup, name) => {
        const rule = desiredAlertRule({
          spec: specWith({
            ...rest,
            ...(types ? { upgradeTypes: types } : {}),
            ...(statuses ? { statuses } : {}),
            clusterResourceId: clusterId,
          }),
          owner: { installationId: 'test', namespace: 'platform', name: 'prod' },
          cluster: { ...cluster, subscriptionId, resourceGroup, name },
          place: { subscriptionId, resourceGroup },
          location: 'westeurope',
          actionGroupIds: [],
        });
        expect(diagnose(rule.query, 'alert')).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('sees the same query whatever the cluster is called', () => {
    const shape = shapeOf(maintenanceQuery(everything));
    fc.assert(
      fc.property(wild, wild, wild, (subscriptionId, resourceGroup, name) => {
        const query = maintenanceQuery({ ...everything, cluster: { ...cluster, subscriptionId, resourceGroup, name } });
        expect(shapeOf(query)).toBe(shape);
      }),
      { numRuns: 150 },
    );
    // So that the test above can fail.
    const pasted = maintenanceQuery(everything).replace('/managedClusters/prod/"', '/managedClusters/prod" or 1==1 //"');
    expect(shapeOf(pasted)).not.toBe(shape);
  });

  it('finds only texts among the columns that the alert is split by', () => {
    const query = compileQuery(maintenanceQuery({ ...everything, endOfSupport: true }), 'alert');
    const columns = 'fault' in query ? query.fault : query.columns;
    expect(columns).toEqual([{ name: 'eventTime', type: 'datetime' }, ...dimensionNames.map((name) => ({ name, type: 'string' }))]);
  });
});
