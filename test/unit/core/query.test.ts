import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dimensionNames, eventStatuses, maintenanceQuery, upgradeTypes } from '../../../src/core/query.ts';

const cluster = {
  subscriptionId: 'aaaaaaaa-4444-4444-8444-444444444444',
  resourceGroup: 'shop',
  type: 'Microsoft.ContainerService/managedClusters',
  name: 'prod',
};
const everything = { cluster, upgradeTypes, statuses: eventStatuses, endOfSupport: false, lookBackMinutes: 63, settlingMinutes: 30 };
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
      | extend everything = tostring(properties), status = tostring(properties.eventStatus), description = tostring(properties.description)
      | extend detailsText = tostring(properties.eventDetails), details = parse_json(tostring(properties.eventDetails))
      | extend isEndOfSupport = tostring(properties.eventSource) =~ "EOLNotification" or isnotempty(tostring(details.eolDate))
      | extend status = case(isempty(status), "Unknown", status =~ "Cancelled", "Canceled", status)
      | extend told = strcat(tostring(details), " ", description), typeNumber = coalesce(tostring(details.type), tostring(properties.type))
      | extend upgradeType = case(told has "K8sVersionUpgrade", "K8sVersionUpgrade", told has "NodeOSUpgrade", "NodeOSUpgrade", typeNumber == "1" or told has "\\"type\\":1" or everything has "\\"type\\":1", "K8sVersionUpgrade", typeNumber == "2" or told has "\\"type\\":2" or everything has "\\"type\\":2", "NodeOSUpgrade", everything has "K8sVersionUpgrade", "K8sVersionUpgrade", everything has "NodeOSUpgrade", "NodeOSUpgrade", "Unknown")
      | extend updated = coalesce(todatetime(tostring(properties.lastUpdateTime)), todatetime(strcat(substring(tostring(properties.lastUpdateTime), 0, 19), "Z"))), started = coalesce(todatetime(tostring(properties.startTime)), todatetime(strcat(substring(tostring(properties.startTime), 0, 19), "Z"))), scheduled = coalesce(todatetime(tostring(properties.scheduledTime)), todatetime(strcat(substring(tostring(properties.scheduledTime), 0, 19), "Z")))
      | extend updated = iff(updated > datetime(2000-01-01), updated, datetime(1970-01-01)), started = iff(started > datetime(2000-01-01), started, datetime(1970-01-01)), scheduled = iff(scheduled > datetime(2000-01-01), scheduled, datetime(1970-01-01))
      | where not(isEndOfSupport)
      | where (updated >= ago(63m) and updated <= ago(30m)) or (updated < datetime(2000-01-01) and ((scheduled >= ago(63m) and scheduled <= ago(30m)) or (started >= ago(63m) and started <= ago(30m)) or (status =~ "Scheduled" and started < datetime(2000-01-01) and (scheduled - 12h >= ago(63m) and scheduled - 12h <= ago(30m)))))
      | extend eventTime = case(updated > datetime(2000-01-01), updated, scheduled > datetime(2000-01-01), scheduled, started)
      | extend planned = iff(started > datetime(2000-01-01), started, scheduled)
      | extend plannedStart = iff(planned < datetime(2000-01-01), "not given", strcat(substring(tostring(planned), 0, 16), "Z"))
      | extend description = iff(description =~ "ScheduledEvents", "", description)
      | extend reason = strcat(description, iff(isempty(description) or isempty(detailsText), "", ": "), detailsText)
      | extend reason = iff(isempty(reason), "not given", substring(reason, 0, 500)), recordId = iff(isempty(name), id, name)
      | project eventTime, upgradeType, status, plannedStart, reason, recordId"
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

  it('leaves out the type that is not wanted, looks for the wanted one first, and changes nothing else', () => {
    const query = lines(maintenanceQuery({ ...everything, upgradeTypes: ['NodeOSUpgrade'] }));
    const others = query.filter((line) => !lines(maintenanceQuery(everything)).includes(line));
    expect(others).toEqual([
      expect.stringMatching(/^\| extend upgradeType = case\(told has "NodeOSUpgrade"/),
      '| where upgradeType !in~ ("K8sVersionUpgrade")',
    ]);
  });

  it('leaves out the statuses that are not wanted, so that one invented tomorrow is announced', () => {
    const query = lines(maintenanceQuery({ ...everything, statuses: ['Started', 'Completed'] }));
    expect(query.filter((line) => !lines(maintenanceQuery(everything)).includes(line))).toEqual([
      '| where status !in~ ("Scheduled", "Canceled", "Failed")',
    ]);
  });

  it('knows both spellings of Canceled', () => {
    expect(maintenanceQuery(everything)).toContain('status =~ "Cancelled", "Canceled"');
  });

  it('leaves out the end of support unless it is asked for, and then asks neither for its status nor its type', () => {
    expect(maintenanceQuery(everything)).toContain('where not(isEndOfSupport)');
    const asked = maintenanceQuery({ ...everything, upgradeTypes: ['NodeOSUpgrade'], statuses: ['Failed'], endOfSupport: true });
    expect(asked).not.toContain('where not(isEndOfSupport)');
    expect(lines(asked).filter((line) => line.includes('!in~'))).toEqual([
      '| where upgradeType !in~ ("K8sVersionUpgrade") or isEndOfSupport',
      '| where status !in~ ("Scheduled", "Started", "Completed", "Canceled") or isEndOfSupport',
    ]);
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

  it('looks at ages given as literal minutes, for ago() takes nothing else in alerts', () => {
    const query = maintenanceQuery({ ...everything, lookBackMinutes: 1450, settlingMinutes: 5 });
    expect(query).toContain('updated >= ago(1450m) and updated <= ago(5m)');
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
    ])
      expect(query).not.toContain(word);
  });

  it('projects every column that the alert is split by, and at most six', () => {
    const projected = lines(maintenanceQuery(everything)).at(-1) ?? '';
    for (const name of dimensionNames) expect(projected).toContain(name);
    expect(dimensionNames.length).toBeLessThanOrEqual(6);
  });
});
