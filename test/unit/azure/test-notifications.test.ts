import { describe, expect, it } from 'vitest';
import { explain, type AzureError } from '../../../src/azure/failure.ts';
import { testFailure } from '../../../src/azure/test-notifications.ts';
import { ReconcileError } from '../../../src/core/failure.ts';
import type { TestSent } from '../../../src/core/test-notification.ts';

/** As a call rejects. */
const failing = (status: number | undefined, code = '', retryAfterSeconds?: number): ReconcileError => {
  const error: AzureError = { status, code, message: 'No.', retryAfterSeconds };
  return explain(error, 'send it', Object.assign(new Error('No.'), { statusCode: status, code }));
};

describe('what a failure to send means', () => {
  it.each<[string, ReconcileError, Partial<TestSent>]>([
    ['a missing right', failing(403, 'AuthorizationFailed'), { kind: 'refused' }],
    ['a wrong request', failing(400, 'BadRequest'), { kind: 'refused' }],
    ['a group that is gone', failing(404, 'ResourceNotFound'), { kind: 'refused' }],
    ['a token that nobody takes', failing(401, 'InvalidAuthenticationToken'), { kind: 'refused' }],
    ['nobody could sign in', new ReconcileError('CredentialUnavailable', 'No token.'), { kind: 'refused', message: 'No token.' }],
    ['a limit of Azure', failing(429, 'TooManyRequests', 7), { kind: 'later', milliseconds: 7000 }],
    ['a limit of Azure without a time', failing(429, 'TooManyRequests'), { kind: 'later', milliseconds: 30_000 }],
    [
      'a turn that has not come',
      new ReconcileError('Throttled', 'Wait.', { retry: { kind: 'after', seconds: 2 } }),
      { kind: 'later', milliseconds: 2000 },
    ],
    ['somebody else at it', failing(409, 'Conflict'), { kind: 'later' }],
    ['a timeout of a proxy', failing(408), { kind: 'open', message: 'Azure gave no clear answer (HTTP status 408).' }],
    ['a failure of Azure', failing(500), { kind: 'open', message: 'Azure gave no clear answer (HTTP status 500).' }],
    ['an answer that is cut', failing(200, 'PARSE_ERROR'), { kind: 'open' }],
    ['a line that breaks', failing(undefined, 'ECONNRESET'), { kind: 'open', message: 'Azure gave no clear answer (ECONNRESET).' }],
    ['no answer in time', failing(undefined), { kind: 'open', message: 'Azure gave no clear answer (no answer came).' }],
  ])('%s', (_, failure, sent) => {
    expect(testFailure(failure)).toMatchObject(sent);
  });
});
