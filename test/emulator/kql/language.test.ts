import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagnose, shapeOf } from '../../../emulator/kql/language.ts';
import { literal, table } from './queries.ts';

const alert = `arg("").${table}`;

describe('what Microsoft has against a query', () => {
  it.each<[string, string, string]>([
    ['an unknown column', '| where colour == "red"', 'KS142'],
    ['an unknown function', '| where nonsense(name) == "a"', 'KS211'],
    ['a parenthesis that is never closed', '| where strlen(name > 2', 'KS005'],
    ['a text that is never closed', '| where name == "a', 'KS001'],
    ['a word that is spelled wrongly', '| oder by name', 'KS176'],
    ['a time compared with a length of time', '| where now() >= 2h', 'KS106'],
    ['a function without what it needs', '| extend a = strlen()', 'KS119'],
    ['a case without its last part', '| extend a = case(name == "a", "b", name == "c", "d")', 'KS121'],
    ['a column that was left behind', '| project name | where id == "a"', 'KS142'],
  ])('%s', (_name, steps, code) => {
    expect(diagnose(`${alert} ${steps}`, 'alert').map((each) => each.code)).toContain(code);
  });

  it.each<[string, string, 'alert' | 'direct', string]>([
    ['an unknown table', 'arg("").resources', 'alert', 'KS204'],
    ['the table without arg, in an alert', table, 'alert', 'KS142'],
    ['arg, in a call of Resource Graph', alert, 'direct', 'KS211'],
  ])('%s', (_name, text, form, code) => {
    expect(diagnose(text, form).map((each) => each.code)).toContain(code);
  });

  it('says where', () => {
    expect(diagnose(`${table} | where colour == 1`, 'direct')).toEqual([
      {
        code: 'KS142',
        message: "The name 'colour' does not refer to any known column, table, variable or function.",
        start: table.length + 9,
        length: 6,
      },
    ]);
  });

  it('nothing, when the query is right', () => {
    expect(diagnose(`${alert} | where kind == "" and properties.a == "b" | project type`, 'alert')).toEqual([]);
    expect(diagnose(table, 'direct')).toEqual([]);
  });

  it('and its names stay out of ours', () => {
    expect(Object.keys(globalThis).filter((name) => ['window', 'Bridge', 'System', 'Kusto'].includes(name))).toEqual([]);
  });
});

describe('the shape of a query', () => {
  const shapeWith = (text: string): string => shapeOf(`${table} | where id contains ${text} and name == "b"`);

  it('is the same whatever a text says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(shapeWith(literal(text))).toBe(shapeWith('"a"'));
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ['a text that ends too early', '"a" or 1 == 1 //"'],
    ['another operator', '"a" | where id == "b"'],
    ['another column', 'name'],
    ['a function of it', 'tolower("a")'],
    ['a text that is never closed', '"a'],
  ])('is another with %s', (_name, text) => {
    expect(shapeWith(text)).not.toBe(shapeWith('"a"'));
  });

  it('leaves out literals of every kind, and tells names apart', () => {
    expect(shapeOf('t | where a > ago(2h) and b > 5 and c')).toBe(shapeOf('t|where a>ago(40m)and b>7 // remark\n and c'));
    expect(shapeOf('t | where a == 1')).not.toBe(shapeOf('t | where b == 1'));
    expect(shapeOf("t | where ['a'] == 1")).not.toBe(shapeOf("t | where ['b'] == 1"));
  });
});
