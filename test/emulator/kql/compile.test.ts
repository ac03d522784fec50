import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileQuery, type Row } from '../../../emulator/kql/compile.ts';
import { now, run, table } from './queries.ts';

const rows: readonly Row[] = [
  { name: 'one', location: 'westeurope', properties: { days: 3, at: '2026-01-03' } },
  { name: 'Two', location: 'northeurope', properties: { days: 1, at: '2026-01-01' } },
  { name: 'three', location: 'westeurope', properties: { at: null } },
  { name: 'four', location: null, properties: { days: 2, at: '2026-01-02' } },
];

const namesBy = (steps: string): unknown => {
  const result = run(steps, rows);
  return typeof result === 'string' ? result : result.map(({ name }) => name);
};

describe('what a query finds', () => {
  it.each<[string, string[]]>([
    ['', ['one', 'Two', 'three', 'four']],
    ['| where name == "one"', ['one']],
    ['| where name =~ "TWO" or name has "four"', ['Two', 'four']],
    ['| where location == ""', ['four']],
    ['| where toint(properties.days) > 1 | where name != "one"', ['four']],
    ['| where isnull(properties.days)', ['three']],
    ['| take 2', ['one', 'Two']],
    ['| limit 1', ['one']],
    ['| take 0', []],
    ['| order by name asc', ['Two', 'four', 'one', 'three']],
    ['| sort by name', ['three', 'one', 'four', 'Two']],
    ['| sort by todatetime(properties.at)', ['one', 'four', 'Two', 'three']],
    ['| sort by todatetime(properties.at) asc', ['three', 'Two', 'four', 'one']],
    ['| sort by toint(properties.days) asc nulls last', ['Two', 'four', 'one', 'three']],
    ['| sort by toint(properties.days) desc nulls first', ['three', 'one', 'four', 'Two']],
    ['| order by location asc, name desc', ['four', 'Two', 'three', 'one']],
    ['| top 2 by name', ['three', 'one']],
    ['| top 2 by toint(properties.days) asc', ['three', 'Two']],
    ['| extend name = toupper(name) | where name == "TWO"', ['TWO']],
    ['| extend a = 1, b = name | extend a = a + 1 | where a == 2 and b startswith "t"', ['Two', 'three']],
    ['| extend name = location, location = name | where location == "one"', ['westeurope']],
    ["| extend ['two words'] = name | where ['two words'] == 'one'", ['one']],
    ['// remark | where\n  | where // "one"\n name == "one"', ['one']],
  ])('%s', (steps, names) => {
    expect(namesBy(steps)).toEqual(names);
  });

  it('is counted', () => {
    expect(run('| where location == "westeurope" | count', rows)).toEqual([{ Count: 2 }]);
  });

  it.each<[string, string[]]>([
    ['| project name, day = toint(properties.days), properties.at, tostring(id)', ['name', 'day', 'properties_at', 'id']],
    ['| project name, id | project-away id', ['name']],
    ['| project name, id, location | project-away lo*', ['name', 'id']],
    ['| project name, id | project-keep id', ['id']],
    ['| project name, id | project-reorder id', ['id', 'name']],
    ['| project name | extend a = 1, name = "b"', ['name', 'a']],
  ])('has the columns of %s', (steps, columns) => {
    const result = run(`${steps} | take 1`, rows);
    expect(typeof result === 'string' ? result : Object.keys(result[0]!)).toEqual(columns);
  });

  it('has types', () => {
    const query = compileQuery(
      `${table} | project name, at = todatetime(properties.at), d = 1d, n = 1, r = 1.5, b = true, properties`,
      'direct',
    );
    expect(query).toMatchObject({
      isLimited: false,
      columns: [
        { name: 'name', type: 'string' },
        { name: 'at', type: 'datetime' },
        { name: 'd', type: 'timespan' },
        { name: 'n', type: 'long' },
        { name: 'r', type: 'real' },
        { name: 'b', type: 'bool' },
        { name: 'properties', type: 'dynamic' },
      ],
    });
    expect('run' in query && query.run(rows.slice(0, 1), now)).toEqual([
      {
        name: 'one',
        at: '2026-01-03T00:00:00.0000000Z',
        d: '1.00:00:00',
        n: 1,
        r: 1.5,
        b: true,
        properties: { days: 3, at: '2026-01-03' },
      },
    ]);
  });

  it('opens a bag that was kept as a text, and fills in what a row lacks', () => {
    const [row] = run('', [{ name: 'one', properties: '{"a": 1}' }]);
    expect(row).toMatchObject({ name: 'one', id: '', properties: { a: 1 }, tags: null });
  });

  it('says whether it limits itself', () => {
    expect(compileQuery(`${table} | take 5 | project name`, 'direct')).toMatchObject({ isLimited: true });
    expect(compileQuery(`${table} | top 5 by name`, 'direct')).toMatchObject({ isLimited: true });
  });

  it('goes by the time of each run', () => {
    const query = compileQuery(`${table} | project it = ago(1h)`, 'direct');
    const at = (time: string): unknown => ('run' in query ? query.run([{}], new Date(time)) : query.fault);
    expect(at('2026-01-01T01:00:00Z')).toEqual([{ it: '2026-01-01T00:00:00.0000000Z' }]);
    expect(at('2027-01-01T01:00:00Z')).toEqual([{ it: '2027-01-01T00:00:00.0000000Z' }]);
  });

  it('is a thousand rows at most in an alert', () => {
    const many = Array.from({ length: 1001 }, (_, index) => ({ name: String(index) }));
    expect(run('', many)).toHaveLength(1000);
    expect(run('', many, 'direct')).toHaveLength(1001);
  });
});

describe('what the emulator lacks is refused by name', () => {
  it.each<[string, string]>([
    ['| summarize count()', "the operator 'summarize'"],
    ['| mv-expand properties', "the operator 'mv-expand'"],
    ['| distinct name', "the operator 'distinct'"],
    [`| join (arg("").${table}) on id`, "the operator 'join'"],
    ['| parse name with a "b" c', "the operator 'parse'"],
    ['| as other', "the operator 'as'"],
    ['| where name hasprefix "a"', "the operator 'hasprefix'"],
    ['| where name has_any ("a")', "the operator 'has_any'"],
    ['| where countof(id, "a") > 2', "the function 'countof()'"],
    ['| where constructor(id) > 2', "The name 'constructor' does not refer"],
    ['| extend a = guid(74be27de-1e4e-49d9-b579-fe0b331d3642)', "the literal 'guid(74be27de-1e4e-49d9-b579-fe0b331d3642)'"],
    ['| extend a = dynamic({"a": datetime(2020-01-01)})', `the literal 'dynamic({"a": datetime(2020-01-01)})'`],
    ['| extend strlen(name)', "'extend' without a name, like 'strlen(name)'"],
    ['| where name matches regex location', "regular expressions that are reckoned, like 'location'"],
    ['| extend a = extract(name, 1, name)', 'The expression must be a constant.'],
    ['| extend a = trim(strcat("a", "b"), name)', `regular expressions that are reckoned, like 'strcat("a", "b")'`],
    ['| extend a = toscalar(print 1)', "'toscalar'"],
  ])('%s', (steps, lacked) => {
    expect(run(steps)).toContain(lacked);
  });

  it('and so is a regular expression that JavaScript reads otherwise', () => {
    expect(run(String.raw`| where name matches regex @"\z"`)).toBe(
      String.raw`The emulator doesn't understand the regular expression '\z'.`,
    );
  });

  it.each<[string, string]>([
    ['', 'The query is empty.'],
    [' // nothing', 'The query is empty.'],
    ['print 1', "The emulator doesn't have the operator 'print'."],
    ['range a from 1 to 3 step 1', "The emulator doesn't have the operator 'range'."],
    ['search "a"', "The emulator doesn't have the operator 'search'."],
    [`let a = 1; ${table}`, "The emulator doesn't have the statement 'let'."],
    [`${table}; ${table}`, `The emulator doesn't have the statement '${table}'.`],
    ['datatable(a: long)[1]', "The emulator doesn't have 'datatable' as a table."],
    ['resources', "The name 'resources' does not refer to any known column, table, variable or function. (KS142 at 0)"],
    [`arg("").${table}`, "The name 'arg' does not refer to any known function. (KS211 at 0)"],
  ])('%s', (text, fault) => {
    expect(compileQuery(text, 'direct')).toEqual({ fault });
  });

  it('and so is what is nested too deeply', () => {
    const deep = Array.from({ length: 3000 }, () => 'name == "a"').join(' or ');
    expect(run(`| where ${deep}`)).toContain('exceeds maximum safe limit');
  });

  it('or understood, whatever it is', () => {
    const word = fc.constantFrom(
      ...'| where project extend take order by name properties.a.b == has in ! "one" \' " ( ) , 7 \n // 1d ago( [ ] now()'.split(/ /u),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 5, arbitrary: word }, fc.string({ unit: 'binary' })), { maxLength: 12 }), (words) => {
        const result = run(words.join(' '), rows);
        expect(typeof result === 'string' || result.length <= rows.length).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});

describe('what Azure denies to alert rules is said to be its own limit', () => {
  it.each<[string, string]>([
    ['| summarize arg_max(name, *)', "'arg_max()'"],
    ['| summarize arg_min(name, *) by id', "'arg_min()'"],
    ['| summarize avg(strlen(name))', "'avg()'"],
    ['| summarize countif(name == "a")', "'countif()'"],
    ['| summarize percentile(strlen(name), 50)', "'percentile()'"],
    ['| evaluate bag_unpack(properties)', "'bag_unpack()'"],
    ['| evaluate pivot(name)', "'pivot()'"],
    ['| evaluate narrow()', "'narrow()'"],
    ['| extend AggregatedValue = 1', "'AggregatedValue'"],
    ['| where now() > ago(1h + 1h)', "'ago()' takes literals only"],
  ])('%s', (steps, named) => {
    expect(run(steps)).toMatch(/^Azure's limit for alert rules, not the emulator's: /u);
    expect(run(steps)).toContain(named);
  });

  it('and holds for nothing else', () => {
    expect(run('| where now() > ago(1h + 1h) | extend AggregatedValue = 1', [{}], 'direct')).toHaveLength(1);
    expect(run('| where tostring(properties) has "avg"')).toEqual([]);
  });
});
