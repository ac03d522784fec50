import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runQuery } from '../../emulator/resource-graph-query.ts';

const table = 'events';
const spaced = '{"eventStatus": "Started", "details": "node-image"}';
const rows = [
  { id: '/prod/1', name: 'one', location: 'westeurope', properties: { eventStatus: 'Scheduled', eventDetails: { days: -3 } } },
  { id: '/prod-2/2', name: 'Two', location: '', properties: { eventStatus: 'Canceled', eventDetails: 'NodeOSUpgrade "now"' } },
  { id: '/prod/3', name: 'three', location: null, properties: spaced },
];

const namesBy = (steps: string): unknown => {
  const result = runQuery(`${table} ${steps}`, table, rows);
  return 'fault' in result ? result.fault : result.rows.map(({ name }) => name);
};

describe('what a query finds', () => {
  it.each<[string, string, string[]]>([
    ['everything', '', ['one', 'Two', 'three']],
    ['what is equal', '| where name == "one"', ['one']],
    ['nothing that differs in case', '| where name == "two"', []],
    ['what is equal but for case', "| where name =~ 'two'", ['Two']],
    ['what contains a text, with the prefix trap', '| where id contains "/PROD"', ['one', 'Two', 'three']],
    ['what contains a closed one', '| where id contains "/prod/"', ['one', 'three']],
    ['what starts with a text', '| where name startswith "T"', ['Two', 'three']],
    ['what has a word', '| where properties has "nodeosupgrade"', ['Two']],
    ['a word between other signs', '| where properties has "image"', ['three']],
    ['no part of a word', '| where properties has "OSUpgrade"', []],
    ['everything that has nothing', '| where name has ""', ['one', 'Two', 'three']],
    ['properties as their text', String.raw`| where properties contains "\"eventStatus\":\"Scheduled\""`, ['one']],
    ['properties with the spaces they were given with', `| where properties contains '"eventStatus": "Started"'`, ['three']],
    ['a field, of an object and of a text', '| where properties.eventStatus startswith "s"', ['one', 'three']],
    ['a field of a field', '| where properties.eventDetails.days == "-3"', ['one']],
    ['nothing in a field that is not there', '| where properties.other.thing contains ""', ['one', 'Two', 'three']],
    ['empty columns', '| where location == ""', ['Two', 'three']],
    ['what all steps find', '| where id contains "/prod/" | where name startswith "t" | take 5', ['three']],
    ['so many', '| take 2', ['one', 'Two']],
    ['so many by the other word', '| limit 1', ['one']],
    ['what was projected', '| project name, id | where id == "/prod/3"', ['three']],
    ['beyond lines and remarks', '// remark | where\n  | where // "one"\n name == "Two" ', ['Two']],
    ['texts with pipes and slashes', '| where name == "a|b//c"', []],
  ])('%s', (_name, steps, names) => {
    expect(namesBy(steps)).toEqual(names);
  });

  it('in columns by name, fields named as Kusto does', () => {
    const result = runQuery(`${table} | project id, properties.eventStatus, properties`, table, rows.slice(2));
    expect(result).toEqual({
      columns: [
        { name: 'id', type: 'string' },
        { name: 'properties_eventStatus', type: 'object' },
        { name: 'properties', type: 'object' },
      ],
      rows: [{ id: '/prod/3', properties_eventStatus: 'Started', properties: { eventStatus: 'Started', details: 'node-image' } }],
      isLimited: false,
    });
  });
});

describe('what is not understood', () => {
  const lacks = (operator: string): string => `The emulator doesn't have the operator '${operator}'.`;

  it.each<[string, string]>([
    ['| summarize count()', lacks('summarize')],
    ['| extend a = 1', lacks('extend')],
    ['| order by id asc', lacks('order')],
    ['| where name != "a"', lacks('!=')],
    ['| where name !contains "a"', lacks('!contains')],
    ['| where name in ("a")', lacks('in')],
    ['| where name == "a" and id == "b"', lacks('and')],
    ['| where tostring(properties.eventStatus) == "a"', lacks('tostring()')],
    ['| project a = name', lacks('=')],
    ['| project tostring(name)', lacks('tostring()')],
    ['| where constructor toString "a"', lacks('toString')],
    ['| where', 'Unexpected: end of query.'],
    ['| where name', 'Unexpected: end of query.'],
    ['| where name ==', 'Unexpected: end of query.'],
    ['| where name == 5', "Unexpected: '5'."],
    ['| where name == "a', "Unexpected: '\"'."],
    ['| project', 'Unexpected: end of query.'],
    ['| project name,', 'Unexpected: end of query.'],
    ['| take', 'Unexpected: end of query.'],
    ['| take many', "Unexpected: 'many'."],
    ['| take 1 2', "Unexpected: '2'."],
    ['|', 'Unexpected: end of query.'],
    ['name', "Unexpected: 'name'."],
    ['| where colour == "red"', "Failed to resolve the column 'colour'."],
    ['| project colour', "Failed to resolve the column 'colour'."],
    ['| project name | where id == "a"', "Failed to resolve the column 'id'."],
  ])('%s', (steps, fault) => {
    expect(namesBy(steps)).toBe(fault);
  });

  it.each<[string, string]>([
    ['arg("").events', lacks('arg()')],
    ['resources', "There is no table 'resources'."],
    ['', "There is no table ''."],
  ])('the table %s', (query, fault) => {
    expect(runQuery(query, table, rows)).toEqual({ fault });
  });

  it('or understood, whatever it is', () => {
    const part = fc.constantFrom(
      '|',
      'where',
      'project',
      'take',
      'name',
      'properties.a.b',
      '==',
      'has',
      '!',
      '"one"',
      "'",
      '"',
      '(',
      ',',
      '7',
      '\n',
      '//',
      '',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(part, fc.string()), { maxLength: 12 }), (parts) => {
        const result = runQuery(`${table} ${parts.join(' ')}`, table, rows);
        expect('fault' in result ? typeof result.fault : result.rows.length <= rows.length).toSatisfy(
          (each) => each === 'string' || each === true,
        );
      }),
    );
  });

  it('but the table in capitals is', () => {
    expect(runQuery('EVENTS | take 1', table, rows)).toMatchObject({ rows: [{ name: 'one' }] });
  });
});
