import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { literal, valueOf } from './queries.ts';

// Where Kusto's reference has examples, these are among them.
const table: Readonly<Record<string, readonly (readonly [expression: string, value: unknown])[]>> = {
  numbers: [
    ['1 + 2 * 3', 7],
    ['7 / 2', 3],
    ['-7 / 2', -3],
    ['7 / 2.0', 3.5],
    ['14 % 12', 2],
    ['-14 % 12', 10],
    ['14 % -12', 2],
    ['-14 % -12', 10],
    ['7 % 0', null],
    ['7 / 0', null],
    ['-(3 - 5)', 2],
    ['0x1f + long(1)', 32],
    ['real(1.5) * 2', 3],
    ['int(null) + 1', null],
    ['long(null)', null],
    ['1 < 2 and 2.5 >= 2 and 1 != 2 and 1 <> 2', true],
    ['1 in (1, 2) and 3 !in (1, 2)', true],
    ['1 in (dynamic([1, 2]))', true],
    ['5 between (1 .. 5)', true],
    ['6 !between (1 .. 5)', true],
    ['abs(-5)', 5],
  ],
  'texts compared': [
    ['"aBc" == "aBc"', true],
    ['"abc" != "ABC"', true],
    ['"abc" =~ "ABC"', true],
    ['"aBc" !~ "xyz"', true],
    ['"É" =~ "é"', false],
    ['"FabriKam" contains "BRik"', true],
    ['"Fabrikam" !contains "xyz"', true],
    ['"FabriKam" contains_cs "Kam"', true],
    ['"FabriKam" contains_cs "kam"', false],
    ['"Fabrikam" !contains_cs "kaM"', true],
    ['"Fabrikam" startswith "fab"', true],
    ['"Fabrikam" !startswith "kam"', true],
    ['"Fabrikam" startswith_cs "fab"', false],
    ['"Fabrikam" endswith "Kam"', true],
    ['"Fabrikam" !endswith "brik"', true],
    ['"North America" has "america"', true],
    ['"North America" !has "amer"', true],
    ['"North America" has_cs "america"', false],
    ['"KustoExplorerQueryRun" has "Explorer"', false],
    ['"Kusto: ad67d136-c1db-4f9f-88ef-d94f3b6b0b5a" has "4f9f-88ef"', true],
    ['"a_b" has "b"', true],
    ['"" has ""', true],
    ['"Abc" in~ ("123", "345", "abc")', true],
    ['"Abc" in ("123", "345", "abc")', false],
    ['"Bca" !in~ ("123", "345", "abc")', true],
    ['"b" in (dynamic(["a", "b"]))', true],
    ['"Fabrikam" matches regex "b.*k"', true],
    ['"Fabrikam" matches regex "^b"', false],
    ['"Fabrikam" matches regex "(?i)^FAB"', true],
    [String.raw`"a1" matches regex @"\d"`, true],
    ['"prod" has tolower("PROD")', true],
  ],
  logic: [
    ['true and false', false],
    ['true or false', true],
    ['not(1 == 2)', true],
    ['bool(null) and false', false],
    ['bool(null) and true', null],
    ['bool(null) or true', true],
    ['bool(null) or false', null],
    ['not(bool(null))', null],
  ],
  null: [
    ['int(null) == 5', false],
    ['5 != int(null)', true],
    ['int(null) == int(null)', null],
    ['int(null) != int(null)', null],
    ['int(null) > 3', null],
    ['datetime(null) >= ago(1h)', null],
    ['datetime(null) between (ago(1h) .. now())', null],
    ['int(null) in (1, 2)', false],
    ['isnull(datetime(null)) and isnotnull(5)', true],
    ['isnull("")', false],
    ['isnull(properties.none)', true],
    ['isempty("") and isempty(int(null)) and isempty(properties.none)', true],
    ['isnotempty("a") and isnotempty(0)', true],
    ['strcat("a", int(null), properties.none)', 'a'],
    ['tostring(datetime(null))', ''],
  ],
  choices: [
    ['case(1 > 2, "a", 2 > 1, "b", "c")', 'b'],
    ['case(1 > 2, "a", 2 > 3, "b", "c")', 'c'],
    ['case(bool(null), "a", "b")', 'b'],
    ['iff(true, 1, 2)', 1],
    ['iif(bool(null), 1, 2)', 2],
    ['coalesce(tolong("not a number"), tolong("42"), 33)', 42],
    ['coalesce("", "a", "b")', 'a'],
    ['coalesce(datetime(null), datetime(2020-01-02))', '2020-01-02T00:00:00.0000000Z'],
  ],
  conversions: [
    ['tostring(123)', '123'],
    ['tostring(true)', 'true'],
    ['tostring(dynamic("text"))', 'text'],
    ['tostring(dynamic({"a": [1, "b", null]}))', '{"a":[1,"b",null]}'],
    ['tostring(1h)', '01:00:00'],
    ['toint("123") == 123 and toint("0x10") == 16', true],
    ['toint(12.9)', 12],
    ['toint("99999999999")', null],
    ['tolong("99999999999")', 99_999_999_999],
    ['tolong("1.5")', null],
    ['todouble("1.5e1")', 15],
    ['toreal("abc")', null],
    ['todouble("")', null],
    ['tobool("TRUE")', true],
    ['tobool(0)', false],
    ['tobool("maybe")', null],
    ['totimespan("1.02:03:04.5")', '1.02:03:04.5000000'],
    ['totimespan("nonsense")', null],
    ['todatetime("nonsense")', null],
    ['todatetime("")', null],
    ['parse_json("[1, 2]")[1]', 2],
    [`todynamic('{"a": {"b": 1}}').a.b`, 1],
    ['parse_json("plain")', 'plain'],
    ['parse_json("plain").field', null],
  ],
  texts: [
    ['strcat("hello", " ", "world", 5)', 'hello world5'],
    ['strlen("hello")', 5],
    ['strlen("⒦⒰⒮⒯⒪")', 5],
    ['strlen("😀")', 1],
    ['substring("123456", 1)', '23456'],
    ['substring("123456", 2, 2)', '34'],
    ['substring("ABCD", 0, 2)', 'AB'],
    ['substring("123456", -2, 2)', '56'],
    ['substring("123", 7)', ''],
    ['substring("123", 7, 2)', ''],
    ['substring("123", 0, -2)', ''],
    ['substring("123", 1, 50)', '23'],
    ['indexof("abcdefg", "cde")', 2],
    ['indexof("abcdefg", "cde", 1, 4)', 2],
    ['indexof("abcdefg", "cde", 1, 2)', -1],
    ['indexof("abcdefg", "cde", 3, 4)', -1],
    ['indexof("abcdefg", "cde", -5)', 2],
    ['indexof(1234567, 5, 1, 4)', 4],
    ['indexof("abcdefg", "cde", 2, -1)', 2],
    ['indexof("abcdefgabcdefg", "cde", 1, 10, 2)', 9],
    ['indexof("abcdefgabcdefg", "cde", 1, -1, 3)', -1],
    ['indexof("abc", "c", 0, -2)', null],
    ['split("aa_bb", "_")', ['aa', 'bb']],
    ['split("aaa_bbb_ccc", "_", 1)', ['bbb']],
    ['split("", "_")', ['']],
    ['split("a__b", "_")', ['a', '', 'b']],
    ['split("aabbcc", "bb")', ['aa', 'cc']],
    ['split("a/b/c", "/")[2]', 'c'],
    ['array_length(split("a/b/c", "/"))', 3],
    ['tolower("HeLLo")', 'hello'],
    ['toupper("hello")', 'HELLO'],
    ['trim("--", "--https://bing.com--")', 'https://bing.com'],
    [String.raw`trim(@"[^\w]+", "- te st1 // $")`, 'te st1'],
    [String.raw`trim(@"\s+", "    Hello, world!    ")`, 'Hello, world!'],
    ['trim_start("a", "aaba")', 'ba'],
    ['trim_end("a", "aaba")', 'aab'],
    ['replace_string("A magic trick can turn a cat into a $& dog", "cat", "$1")', 'A magic trick can turn a $1 into a $& dog'],
    ['extract("x=([0-9.]+)", 1, "hello x=45.6|wo")', '45.6'],
    ['extract("x=([0-9.]+)", 0, "hello x=45.6|wo")', 'x=45.6'],
    ['extract("y=(.)", 1, "hello")', ''],
    [String.raw`"a\"\\\u0041\t" == @'a"\A	'`, true],
    ['"one" "two"', 'onetwo'],
  ],
  times: [
    ['now()', '2026-11-01T12:00:00.0000000Z'],
    ['now(-2d)', '2026-10-30T12:00:00.0000000Z'],
    ['ago(90m)', '2026-11-01T10:30:00.0000000Z'],
    ['datetime(2015-01-01)', '2015-01-01T00:00:00.0000000Z'],
    ['datetime(2015-12-31 23:59:59.9)', '2015-12-31T23:59:59.9000000Z'],
    ['datetime("2015-12-31 23:59")', '2015-12-31T23:59:00.0000000Z'],
    ['todatetime("2024-04-16T22:17:12.103268606Z")', '2024-04-16T22:17:12.1032686Z'],
    ['todatetime("0001-01-01T00:00:00.0000000Z")', '0001-01-01T00:00:00.0000000Z'],
    ['todatetime("9999-12-31T23:59:59.9999999Z")', '9999-12-31T23:59:59.9999999Z'],
    ['todatetime("2024-02-30")', null],
    ['todatetime("2024-04-16T24:00:00Z")', null],
    ['todatetime("2024-04-16T22:17:12+02:00")', '2024-04-16T20:17:12.0000000Z'],
    ['todatetime("2014-11-08 15:05 GMT")', '2014-11-08T15:05:00.0000000Z'],
    ['todatetime(" 2024-04-16 ")', '2024-04-16T00:00:00.0000000Z'],
    ['tostring(datetime(2024-04-16T22:17:12.1032686Z))', '2024-04-16T22:17:12.1032686Z'],
    ['datetime(0001-01-01) - 1h', null],
    ['datetime(0001-01-01) < datetime(2000-01-01)', true],
    ['datetime(2015-01-02) - datetime(2015-01-01)', '1.00:00:00'],
    ['datetime(2015-01-02) + 36h', '2015-01-03T12:00:00.0000000Z'],
    ['1h + datetime(2015-01-02)', '2015-01-02T01:00:00.0000000Z'],
    ['2 * 1.5h', '03:00:00'],
    ['1d / 12h', 2],
    ['1d / 2', '12:00:00'],
    ['-1h', '-01:00:00'],
    ['time(1.12:30:55.123)', '1.12:30:55.1230000'],
    ['1tick + 1microsecond + 1ms + 1s', '00:00:01.0010011'],
    ['2min == 120s and 1hour < 61m', true],
    ['datetime(2007-07-28) between (datetime(2007-07-27) .. 3d)', true],
    ['datetime(2007-07-31) between (datetime(2007-07-27) .. 3d)', false],
    ['bin(4.5, 1)', 4],
    ['bin(-4, 3)', -6],
    ['bin(datetime(1970-05-11 13:45:07), 1d)', '1970-05-11T00:00:00.0000000Z'],
    ['bin(16d, 7d)', '14.00:00:00'],
    ['bin(-1h, 1d)', '-1.00:00:00'],
    ['format_datetime(datetime(2017-01-29 09:00:05), "yy-MM-dd [HH:mm:ss]")', '17-01-29 [09:00:05]'],
    ['format_datetime(datetime(2017-01-29 09:00:05), "yyyy-M-dd [H:mm:ss]")', '2017-1-29 [9:00:05]'],
    ['format_datetime(datetime(2017-01-29 09:00:05), "yy-MM-dd [hh:mm:ss tt]")', '17-01-29 [09:00:05 AM]'],
    ['format_datetime(datetime(2017-01-29 21:00:05.12), "h.s fff FFF")', '9.5 120 12'],
    ['datetime_add("year", 1, datetime(2016-02-29))', '2017-02-28T00:00:00.0000000Z'],
    ['datetime_add("quarter", 1, datetime(2017-01-01))', '2017-04-01T00:00:00.0000000Z'],
    ['datetime_add("month", -1, datetime(2017-01-31 01:02:03.0000004))', '2016-12-31T01:02:03.0000004Z'],
    ['datetime_add("week", 1, datetime(2017-01-01))', '2017-01-08T00:00:00.0000000Z'],
    ['datetime_add("day", 5, datetime(2017-01-01))', '2017-01-06T00:00:00.0000000Z'],
    ['datetime_add("microsecond", 5, datetime(2017-01-01))', '2017-01-01T00:00:00.0000050Z'],
  ],
};

describe.each(Object.entries(table))('%s', (_name, rows) => {
  it.each(rows)('%s', (expression, value) => {
    expect(valueOf(expression)).toEqual(value);
  });
});

describe('a bag', () => {
  const text = '{"eventStatus": "Started", "list": [1, {"x y": "z"}], "days": -3, "toString": 1}';
  const properties = JSON.parse(text) as unknown;

  it.each<[string, unknown]>([
    ['properties.eventStatus', 'Started'],
    ["properties['eventStatus']", 'Started'],
    ['properties["list"][1]["x y"]', 'z'],
    ['properties.list[-1]["x y"]', 'z'],
    ['properties.list[5]', null],
    ['properties.list.length', null],
    ['properties.eventStatus.deeper', null],
    ['properties.none.deeper', null],
    ['properties.constructor', null],
    ['properties.toString', 1],
    ['properties.days == -3', true],
    ['properties.days + 1', -2],
    ['properties.days between (-5 .. -3)', true],
    ['properties.days in (1, -3)', true],
    ['properties.eventStatus in ("Started", "Failed")', true],
    ['-properties.days', 3],
    ['now() - properties.days', null],
    ['properties.days - now()', null],
    ['toint(properties.days) * 1h', '-03:00:00'],
    ['tostring(properties.days) == "-3"', true],
    ['properties.eventStatus == "Started"', true],
    ['properties.eventStatus =~ "started"', true],
    ['tostring(properties.list)', '[1,{"x y":"z"}]'],
    ['properties has "started"', true],
    ['properties has "start"', false],
    ['array_length(properties.list)', 2],
    ['array_length(properties)', null],
    ['bag_keys(properties)', ['eventStatus', 'list', 'days', 'toString']],
  ])('gives the same for %s, kept as an object or as a text', (expression, value) => {
    expect(valueOf(expression, { properties })).toEqual(value);
    expect(valueOf(expression, { properties: text })).toEqual(value);
  });

  it.each<[string, unknown, unknown]>([
    ['strlen(properties)', JSON.stringify(properties).length, text.length],
    ['indexof(properties, "Started")', 16, 17],
    ['substring(properties, 14, 4)', ':"St', ': "S'],
    [`properties contains '"eventStatus":"Started"'`, true, false],
    ['tostring(properties)', JSON.stringify(properties), text],
  ])('shows its own spaces as a text: %s', (expression, ofObject, ofText) => {
    expect(valueOf(expression, { properties })).toEqual(ofObject);
    expect(valueOf(expression, { properties: text })).toEqual(ofText);
  });

  it('that is no JSON is its text', () => {
    expect(valueOf('tostring(properties)', { properties: 'not JSON' })).toBe('not JSON');
    expect(valueOf('properties.a', { properties: 'not JSON' })).toBeNull();
  });
});

describe('for any text', () => {
  it('a literal says it, and what is compared is it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(valueOf(`strcat(${literal(text)}, "") == name`, { name: text })).toBe(true);
        expect(valueOf(literal(text))).toBe(text);
      }),
      { numRuns: 50 },
    );
  });

  it('has finds just the runs of letters and digits', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'B', '1', 'é', ' ', '-', '"', '_'), maxLength: 8 });
    const terms = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
    fc.assert(
      fc.property(word, word, (name, part) => {
        const [term] = terms(part);
        fc.pre(term !== undefined);
        expect(valueOf(`name has ${literal(term)}`, { name })).toBe(terms(name).includes(term));
      }),
      { numRuns: 50 },
    );
  });

  it('contains, startswith and endswith agree with indexof and substring', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '"', '\\'), maxLength: 4 });
    fc.assert(
      fc.property(word, word, (name, part) => {
        const wanted = literal(part);
        const both = `strcat(name contains_cs ${wanted}, name startswith_cs ${wanted}, name endswith_cs ${wanted})`;
        expect(valueOf(both, { name })).toBe(`${name.includes(part)}${name.startsWith(part)}${name.endsWith(part)}`);
        expect(valueOf(`indexof(name, ${wanted})`, { name })).toBe(name.indexOf(part));
      }),
      { numRuns: 50 },
    );
  });
});

describe('for any time', () => {
  it('what is rendered is read again', () => {
    const time = fc.date({ min: new Date(-62_135_596_800_000), max: new Date(253_402_300_799_999), noInvalidDate: true });
    fc.assert(
      fc.property(time, fc.integer({ min: 0, max: 9999 }), (date, rest) => {
        const text = date.toISOString().replace('Z', `${String(rest).padStart(4, '0')}Z`);
        expect(valueOf('tostring(todatetime(name))', { name: text })).toBe(text);
      }),
      { numRuns: 50 },
    );
  });
});
