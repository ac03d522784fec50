import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reason } from '../../../src/api/condition.ts';
import { causeForLog, explain, readAzureError, steadyText, type AzureError } from '../../../src/azure/failure.ts';
import type { Stalls } from '../../../src/core/failure.ts';

const error = (status: number | undefined, code: string, message = 'Text.', retryAfterSeconds?: number): AzureError => ({
  status,
  code,
  message,
  retryAfterSeconds,
});
const read = (known: AzureError) => explain(known, 'write the alert rule x', undefined);

describe('a failed call to Azure', () => {
  it.each<[AzureError, Reason, Stalls, 'backOff' | 'interval']>([
    [error(403, 'AuthorizationFailed'), 'AccessDenied', 'afterTenMinutes', 'backOff'],
    [
      error(403, 'AuthorizationFailed', 'an ABAC condition is not fulfilled: condition'),
      'AccessDeniedByCondition',
      'afterTenMinutes',
      'backOff',
    ],
    [error(403, 'LinkedAuthorizationFailed'), 'IdentityAssignDenied', 'afterTenMinutes', 'backOff'],
    [error(403, 'RequestDisallowedByPolicy'), 'DeniedByPolicy', 'atOnce', 'interval'],
    [error(403, 'SomethingNew'), 'AccessDenied', 'afterTenMinutes', 'backOff'],
    [error(409, 'ScopeLocked'), 'ResourceLocked', 'atOnce', 'interval'],
    [error(404, 'ResourceGroupNotFound'), 'ResourceGroupNotFound', 'afterTenMinutes', 'backOff'],
    [error(404, 'SubscriptionNotFound'), 'SubscriptionNotFound', 'atOnce', 'interval'],
    [error(404, 'ParentResourceNotFound'), 'DependencyNotReady', 'never', 'backOff'],
    [error(400, 'InvalidResourceReference'), 'DependencyNotReady', 'never', 'backOff'],
    [error(400, 'PrincipalNotFound'), 'WaitingForIdentity', 'never', 'backOff'],
    [error(400, 'FailedIdentityOperation'), 'WaitingForIdentity', 'never', 'backOff'],
    [error(400, 'RoleAssignmentUpdateNotPermitted'), 'RoleAssignmentReplaced', 'never', 'backOff'],
    [error(409, 'X', 'A hash conflict was encountered for the role Assignment ID'), 'RoleAssignmentPending', 'never', 'backOff'],
    [error(400, 'RoleAssignmentLimitExceeded'), 'RoleAssignmentLimit', 'atOnce', 'interval'],
    [error(409, 'MissingSubscriptionRegistration'), 'ProviderNotRegistered', 'afterTenMinutes', 'backOff'],
    [error(409, 'MissingRegistrationForLocation'), 'ProviderNotRegistered', 'afterTenMinutes', 'backOff'],
    [error(409, 'SubscriptionNotRegistered'), 'ProviderNotRegistered', 'afterTenMinutes', 'backOff'],
    [error(409, 'InvalidSubscriptionRegistrationState'), 'ProviderNotRegistered', 'afterTenMinutes', 'backOff'],
    [
      error(409, 'Conflict', 'The subscription is not registered to use microsoft.insights'),
      'ProviderNotRegistered',
      'afterTenMinutes',
      'backOff',
    ],
    [error(409, 'Conflict'), 'Busy', 'never', 'backOff'],
    [error(409, 'AnotherOperationInProgress'), 'Busy', 'never', 'backOff'],
    [error(409, 'ResourceQuotaExceeded'), 'QuotaExceeded', 'atOnce', 'interval'],
    [error(400, 'NoRegisteredProviderFound'), 'ApiNotAvailable', 'atOnce', 'interval'],
    [error(400, 'InvalidApiVersionParameter'), 'ApiNotAvailable', 'atOnce', 'interval'],
    [
      error(400, 'BadRequest', 'The provided credentials have insufficient access to perform the requested operation'),
      'WaitingForRole',
      'never',
      'backOff',
    ],
    [error(400, 'BadRequest', "Scope 'prod' does not exist"), 'ScopeNotFound', 'never', 'backOff'],
    [error(400, 'BadRequest', 'Scope can not be updated'), 'ReplacementNeeded', 'never', 'backOff'],
    [
      error(400, 'BadRequest', 'The "adx" pattern is not supported with the current authentication scheme'),
      'IdentityMissing',
      'never',
      'backOff',
    ],
    [error(400, 'BadRequest', 'The query is wrong'), 'Rejected', 'atOnce', 'interval'],
    [error(400, 'InvalidRequestContent'), 'Rejected', 'atOnce', 'interval'],
    [error(400, 'SomethingNew'), 'Rejected', 'atOnce', 'interval'],
    [error(401, 'InvalidAuthenticationToken'), 'AuthenticationFailed', 'never', 'backOff'],
    [error(408, ''), 'AzureUnavailable', 'never', 'backOff'],
    [error(500, 'InternalServerError'), 'AzureUnavailable', 'never', 'backOff'],
    [error(502, ''), 'AzureUnavailable', 'never', 'backOff'],
    [error(503, 'ServiceUnavailable'), 'AzureUnavailable', 'never', 'backOff'],
    [error(undefined, 'ECONNRESET'), 'AzureUnavailable', 'never', 'backOff'],
    [error(undefined, ''), 'AzureUnavailable', 'never', 'backOff'],
    [error(200, 'PARSE_ERROR'), 'AzureUnavailable', 'never', 'backOff'],
    [error(404, 'ResourceNotFound'), 'AzureError', 'never', 'backOff'],
    [error(409, 'SomethingNew'), 'AzureError', 'never', 'backOff'],
    [error(418, 'Teapot'), 'AzureError', 'never', 'backOff'],
  ])('%j means %s, stalls %s', (known, reason, stalls, retry) => {
    expect(read(known)).toMatchObject({ reason, stalls, retry: { kind: retry } });
  });

  it('always has a next try, whatever the answer', () => {
    fc.assert(
      fc.property(fc.option(fc.integer({ min: 200, max: 599 }), { nil: undefined }), fc.string(), fc.string(), (status, code, message) => {
        const { retry, message: sentence, reason } = read(error(status, code, message));
        expect(['backOff', 'after', 'interval']).toContain(retry.kind);
        expect(sentence).not.toBe('');
        expect(reason).toMatch(/^[A-Z][A-Za-z]+$/);
      }),
    );
  });

  it('does not fall into a name that every object of JavaScript has', () => {
    expect(read(error(409, 'constructor')).reason).toBe('AzureError');
    expect(read(error(409, '__proto__')).reason).toBe('AzureError');
  });

  it('says what was being tried', () => {
    expect(read(error(409, 'ScopeLocked', "The scope is locked by 'lock'.")).message).toBe(
      "Could not write the alert rule x. A lock is in the way: remove it, or ask its owner. Azure says: The scope is locked by 'lock'.",
    );
  });

  it('names action and scope of a missing right, and who must do what', () => {
    const text =
      "The client '3' with object id '3' does not have authorization to perform action 'Microsoft.Insights/actionGroups/write' over scope '/subscriptions/a' or the scope is invalid. If access was recently granted, please refresh your credentials.";
    expect(read(error(403, 'AuthorizationFailed', text)).message).toBe(
      "Could not write the alert rule x. The operator's identity may not do Microsoft.Insights/actionGroups/write on /subscriptions/a: grant it a role that holds this action there. A new grant takes some minutes to act.",
    );
  });

  it('says something also when Azure said nothing', () => {
    expect(read(error(502, '', '')).message).toContain('Azure says: HTTP status 502');
  });
});

describe('a wait that Azure asks for', () => {
  it.each<[string, AzureError, unknown]>([
    ['429 with a time', error(429, 'TooManyRequests', '', 17), { kind: 'after', seconds: 17 }],
    ['429 without one', error(429, 'TooManyRequests'), { kind: 'after', seconds: 30 }],
    ['429 with a known code', error(429, 'Conflict'), { kind: 'after', seconds: 30 }],
    ['503 with a time', error(503, 'ServiceUnavailable', '', 5), { kind: 'after', seconds: 5 }],
    ['503 without one', error(503, 'ServiceUnavailable'), { kind: 'backOff' }],
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
    [{ 'retry-after': '' }, undefined],
    [{}, undefined],
  ])('has the wait of %j', (headers, seconds) => {
    expect(readAzureError(withHeaders(headers)).retryAfterSeconds).toBe(seconds);
  });

  it('has the wait until a date', () => {
    const inOneMinute = new Date(Date.now() + 60_000).toUTCString();
    expect(readAzureError(withHeaders({ 'retry-after': inOneMinute })).retryAfterSeconds).toBeGreaterThan(50);
    expect(readAzureError(withHeaders({ 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' })).retryAfterSeconds).toBe(0);
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
    const address = fc.webUrl({ withQueryParameters: false });
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
