import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dimensionNames, eventStatuses, maintenanceQuery, upgradeTypes } from '../../../src/core/query.ts';

const cluster = {
  subscriptionId: 'aaaaaaaa-4444-4444-8444-444444444444',
  resourceGroup: 'shop',
  type: 'Microsoft.ContainerService/managedClusters',
  name: 'prod',
};
const everything = { cluster, upgradeTypes, statuses: eventStatuses, lookBackMinutes: 40 };
const lines = (query: string): readonly string[] => query.split('\n');
const needle = '| where id contains ';

/** Reads one KQL string literal as its lexer does. Undefined when the text is not exactly one, from the first character to the last. */
const readLiteral = (text: string): string | undefined => {
  const match = /^"((?:[^"\\\p{Cc}\p{Zl}\p{Zp}]|\\["\\nrt]|\\u[0-9a-f]{4})*)"$/u.exec(text);
  if (!match) return undefined;
  return (match[1] ?? '').replaceAll(/\\(u[0-9a-f]{4}|.)/g, (_, escape: string) => {
    if (escape.startsWith('u')) return String.fromCodePoint(Number.parseInt(escape.slice(1), 16));
    return { n: '\n', r: '\r', t: '\t' }[escape] ?? escape;
  });
};

describe('the query of the alert rule', () => {
  it('is this text for the defaults, so that every change of it is seen in review', () => {
    expect(maintenanceQuery(everything)).toMatchInlineSnapshot(`
      "arg("").containerserviceeventresources
      | where type =~ "microsoft.containerservice/managedclusters/scheduledevents"
      | where id contains "/subscriptions/aaaaaaaa-4444-4444-8444-444444444444/resourceGroups/shop/providers/Microsoft.ContainerService/managedClusters/prod/"
      | extend eventSource = tostring(properties.eventSource), status = tostring(properties.eventStatus), eventId = tostring(properties.eventId)
      | extend details = tostring(properties.eventDetails), everything = tostring(properties)
      | where eventSource !~ "EOLNotification"
      | extend upgradeType = case(everything has "K8sVersionUpgrade", "K8sVersionUpgrade", everything has "NodeOSUpgrade", "NodeOSUpgrade", "")
      | extend updated = todatetime(tostring(properties.lastUpdateTime)), started = todatetime(tostring(properties.startTime)), scheduled = todatetime(tostring(properties.scheduledTime))
      | extend plannedTime = case(started > datetime(2000-01-01), started, scheduled)
      | extend eventTime = case(updated > datetime(2000-01-01), updated, scheduled > datetime(2000-01-01), scheduled, started)
      | where eventTime >= ago(40m) and eventTime <= now()
      | extend plannedStart = tostring(plannedTime)
      | project eventTime, upgradeType, status, plannedStart, details, eventId"
    `);
  });

  it('closes the cluster’s id, so that prod does not hear prod-2', () => {
    expect(maintenanceQuery(everything)).toContain('/managedClusters/prod/"');
  });

  it('never lets a cluster id out of its string literal', () => {
    const wild = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string(),
      fc.stringMatching(/^["\\\n\r/|]{0,6}$/),
      fc.constant('c" or 1==1 //'),
      fc.constant('c\\'),
      fc.constant('c\n| union *'),
      fc.constant('c\u2028| union *'),
    );
    const template = lines(maintenanceQuery(everything));
    fc.assert(
      fc.property(wild, wild, wild, (subscriptionId, resourceGroup, name) => {
        const query = lines(maintenanceQuery({ ...everything, cluster: { ...cluster, subscriptionId, resourceGroup, name } }));
        const at = template.findIndex((line) => line.startsWith(needle));
        expect(query.with(at, '')).toEqual(template.with(at, ''));
        expect(readLiteral(query[at]?.slice(needle.length) ?? '')).toBe(
          `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/${cluster.type}/${name}/`,
        );
      }),
      { numRuns: 200 },
    );
  });

  it('leaves out the type that is not wanted, and nothing else', () => {
    const query = lines(maintenanceQuery({ ...everything, upgradeTypes: ['NodeOSUpgrade'] }));
    expect(query.filter((line) => !lines(maintenanceQuery(everything)).includes(line))).toEqual([
      '| where upgradeType !in~ ("K8sVersionUpgrade")',
    ]);
  });

  it('leaves out the statuses that are not wanted, so that one invented tomorrow is announced', () => {
    const query = lines(maintenanceQuery({ ...everything, statuses: ['Started', 'Completed'] }));
    expect(query.filter((line) => !lines(maintenanceQuery(everything)).includes(line))).toEqual([
      '| where status !in~ ("Scheduled", "Canceled", "Cancelled", "Failed")',
    ]);
  });

  it('knows both spellings of Canceled', () => {
    const without = eventStatuses.filter((status) => status !== 'Canceled');
    expect(maintenanceQuery({ ...everything, statuses: without })).toContain('status !in~ ("Canceled", "Cancelled")');
    expect(maintenanceQuery({ ...everything, statuses: ['Canceled'] })).not.toContain('"Cancelled"');
  });

  it('never names what is wanted as unwanted', () => {
    fc.assert(
      fc.property(
        fc.subarray([...upgradeTypes], { minLength: 1 }),
        fc.subarray([...eventStatuses], { minLength: 1 }),
        (types, statuses) => {
          const filters = lines(maintenanceQuery({ ...everything, upgradeTypes: types, statuses })).filter((line) => line.includes('!in~'));
          const wanted: readonly string[] = [...types, ...statuses];
          const named = [...upgradeTypes, ...eventStatuses].filter((word) => filters.join().includes(`"${word}"`));
          expect(named).toEqual([...upgradeTypes, ...eventStatuses].filter((word) => !wanted.includes(word)));
        },
      ),
    );
  });

  it('does not depend on the order in which a spec names types and statuses', () => {
    const mixed = { ...everything, upgradeTypes: upgradeTypes.toReversed(), statuses: eventStatuses.toReversed() };
    expect(maintenanceQuery(mixed)).toBe(maintenanceQuery(everything));
  });

  it('looks back a literal number of minutes, for ago() takes nothing else in alerts', () => {
    expect(maintenanceQuery({ ...everything, lookBackMinutes: 1450 })).toContain('ago(1450m)');
  });

  it('uses nothing that alert queries over Resource Graph do not support', () => {
    const query = maintenanceQuery(everything);
    for (const word of [
      'arg_max',
      'arg_min',
      'avg(',
      'countif',
      'percentile',
      'bag_unpack',
      'pivot',
      'narrow',
      'AggregatedValue',
      'TimeGenerated',
      'union',
      'substring',
    ])
      expect(query).not.toContain(word);
  });

  it('projects every column that the alert is split by, and at most six', () => {
    const projected = lines(maintenanceQuery(everything)).at(-1) ?? '';
    for (const name of dimensionNames) expect(projected).toContain(name);
    expect(dimensionNames.length).toBeLessThanOrEqual(6);
  });
});
