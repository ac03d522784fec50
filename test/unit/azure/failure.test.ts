import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { causeForLog, explain, readAzureError, steadyText, type AzureError } from '../../../src/azure/failure.ts';

const error = (status: number | undefined, code: string, message = 'Text.', retryAfterSeconds?: number): AzureError => ({
  status,
  code,
  message,
  retryAfterSeconds,
});
const read = (known: AzureError) => explain(known, 'write the alert rule x', undefined);

describe('a failed call to Azure', () => {
  it('says what was being tried', () => {
    expect(read(error(409, 'ScopeLocked')).message).toBe(
      'Could not write the alert rule x. A lock is in the way: remove it, or ask its owner. Azure says: Text.',
    );
  });

  it('says something also when Azure said nothing', () => {
    expect(read(error(502, '', '')).message).toContain('Azure says: HTTP status 502');
  });
});

describe('a wait that Azure asks for', () => {
  it.each<[string, AzureError, unknown]>([
    ['429 with a time', error(429, 'TooManyRequests', '', 17), { kind: 'after', seconds: 17 }],
    ['429 without one', error(429, 'TooManyRequests'), { kind: 'afterAWhile' }],
    ['503 with a time', error(503, 'ServiceUnavailable', '', 5), { kind: 'after', seconds: 5 }],
    ['503 without one', error(503, 'ServiceUnavailable'), { kind: 'fast' }],
  ])('is kept: %s', (_, known, retry) => {
    expect(read(known).retry).toEqual(retry);
  });

  it('is at least a second, so that nobody is hammered', () => {
    expect(read(error(429, 'TooManyRequests', '', 0)).retry).toEqual({ kind: 'after', seconds: 1 });
    expect(read(error(503, 'ServiceUnavailable', '', -5)).retry).toEqual({ kind: 'after', seconds: 1 });
  });

  it('is no text that changes from run to run', () => {
    expect(read(error(429, 'x', 'Please retry after 13 seconds', 13)).message).toBe(
      read(error(429, 'x', 'Please retry after 12 seconds', 12)).message,
    );
  });
});

describe('what the SDKs throw', () => {
  const withHeaders = (headers: Record<string, string>) => ({
    statusCode: 429,
    code: 'TooManyRequests',
    message: 'Wait.',
    response: { headers: { get: (name: string) => headers[name] } },
  });

  it.each<[Record<string, string>, number | undefined]>([
    [{ 'retry-after': '17' }, 17],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after-ms': '300' }, 0.3],
    [{ 'x-ms-retry-after-ms': '2500' }, 2.5],
    [{ 'retry-after': '9', 'retry-after-ms': '300' }, 0.3],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '31536000' }, 86_400],
    [{ 'retry-after': '' }, undefined],
    [{}, undefined],
  ])('has the wait of %j', (headers, seconds) => {
    expect(readAzureError(withHeaders(headers)).retryAfterSeconds).toBe(seconds);
  });

  it('has the wait until a date', () => {
    const inOneMinute = new Date(Date.now() + 60_000).toUTCString();
    expect(readAzureError(withHeaders({ 'retry-after': inOneMinute })).retryAfterSeconds).toBeGreaterThan(50);
    expect(readAzureError(withHeaders({ 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' })).retryAfterSeconds).toBe(0);
    // By the clock of who names the date.
    const headers = { 'retry-after': 'Thu, 01 Jan 1970 00:05:00 GMT', date: 'Thu, 01 Jan 1970 00:00:00 GMT' };
    expect(readAzureError(withHeaders(headers)).retryAfterSeconds).toBe(300);
  });

  it.each<[string, unknown, Partial<AzureError>]>([
    ['a RestError', { statusCode: 409, code: 'Conflict', message: 'Busy.' }, { status: 409, code: 'Conflict', message: 'Busy.' }],
    ['an answer without a code', { statusCode: 502, message: 'Unexpected status code: 502' }, { status: 502, code: '' }],
    ['a socket’s error', Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }), { status: undefined, code: 'ECONNRESET' }],
    ['a bare TypeError', new TypeError('x is not iterable'), { status: undefined, code: '', message: 'x is not iterable' }],
    ['a code that is a number', { code: 7, message: 'x' }, { code: '' }],
    ['a string', 'broken', { message: 'broken' }],
    ['nothing', undefined, { status: undefined, code: '' }],
  ])('is understood: %s', (_, thrown, expected) => {
    expect(readAzureError(thrown)).toMatchObject(expected);
  });

  it('shows nobody an answer that could not be read: it may hold the address of a webhook', () => {
    const body = '{"webhookReceivers":[{"serviceUri":"https://hooks.example.com/services/SECRET"';
    const cause = {
      statusCode: 200,
      code: 'PARSE_ERROR',
      message: `Error "SyntaxError" occurred while parsing the response body - ${body}`,
    };
    expect(read(readAzureError(cause)).message).toBe(
      'Could not write the alert rule x. Azure could not be reached or failed; trying again. Azure says: the answer is not JSON',
    );
    expect(JSON.stringify(causeForLog(cause))).not.toContain('SECRET');
  });

  it('gives the log the correlation id that support asks for', () => {
    const cause = {
      statusCode: 500,
      code: 'X',
      message: 'Y',
      response: { headers: { get: (name: string) => (name === 'x-ms-correlation-request-id' ? 'abc' : undefined) } },
    };
    expect(causeForLog(cause)).toEqual({ status: 500, code: 'X', error: 'Y', correlationId: 'abc' });
    expect(causeForLog(undefined)).toMatchObject({ status: undefined, code: undefined });
  });
});

describe('a text made steady', () => {
  const guid = '0f8fad5b-d9cb-469f-a165-70867728950e';
  it.each([
    [
      'an activity id',
      `insufficient access to perform the requested operation Activity ID: ${guid}.`,
      'insufficient access to perform the requested operation',
    ],
    ['a tracking id', `Failed. Tracking Id: '${guid}'`, 'Failed.'],
    [
      'Entra’s tail',
      `AADSTS70021: No match. Trace ID: ${guid} Correlation ID: ${guid} Timestamp: 2026-11-01 12:00:00Z`,
      'AADSTS70021: No match.',
    ],
    [
      'Entra’s tail with dashes',
      `AADSTS70021: No match. Trace ID: ${guid} - Correlation ID: ${guid} - Timestamp: 2026-11-01 12:00:00Z`,
      'AADSTS70021: No match.',
    ],
    ['line ends', 'one\r\n  two\tthree', 'one two three'],
    ['the query of an address', 'GET https://host/path?sig=secret failed', 'GET https://host/path failed'],
    ['the query of a quoted address', "the URI 'https://host/path?sig=secret' is wrong", "the URI 'https://host/path"],
    ['the query of an address with a quote in it', "the URI https://host/it's?sig=secret is wrong", "the URI https://host/it's is wrong"],
    ['the query of an address in capitals', 'HTTPS://HOST/PATH?SIG=secret', 'HTTPS://HOST/PATH'],
    ['the fragment of an address', 'see https://host/path#token=secret', 'see https://host/path'],
  ])('loses %s', (_, text, steady) => {
    expect(steadyText(text)).toContain(steady);
    expect(steadyText(text)).not.toMatch(/secret|0f8fad5b|2026/i);
  });

  it('loses the times of an expired token', () => {
    const at = (expiry: string, current: string): string =>
      steadyText(`The access token expiry UTC time '${expiry}' is earlier than current UTC time '${current}'.`);
    expect(at('11/1/2026 12:00:00 PM', '11/1/2026 1:00:07 PM')).toBe(at('11/1/2026 12:00:00 PM', '11/1/2026 1:00:19 PM'));
    expect(at('2026-11-01T12:00:00.1234567Z', '2026-11-01T13:00:07.1Z')).toBe(at('2026-11-01T12:00:00.1234567Z', '2026-11-01T13:00:19.1Z'));
    expect(at('a', 'b')).toContain('The access token expiry UTC time');
  });

  it('keeps ids that say what is meant', () => {
    const text = `The client '${guid}' does not have authorization over scope '/subscriptions/${guid}'`;
    expect(steadyText(text)).toBe(text);
  });

  it('is cut when it is too long, and shows the cut', () => {
    expect(steadyText('x'.repeat(2000))).toMatch(/^x{499}…$/);
  });

  it('never shows the query of an address, whatever stands around it', () => {
    const address = fc.stringMatching(/^(?:https|HTTPS|http):\/\/[\w.-]{1,20}\/[\w/.~!$&'()*+,;=:@%-]{0,20}$/);
    const around = fc.stringMatching(/^[ -~]{0,30}$/).filter((text) => !/secret/i.test(text));
    fc.assert(
      fc.property(around, address, around, fc.constantFrom('?sig=', '?a=b&code=', '#access_token='), (before, url, after, query) => {
        expect(steadyText(`${before} ${url}${query}SECRET ${after}`)).not.toContain('SECRET');
      }),
      { numRuns: 500 },
    );
  });

  it('is steady: what was made so once stays as it is', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 400 }), (text) => {
        expect(steadyText(steadyText(text))).toBe(steadyText(text));
      }),
    );
  });
});
