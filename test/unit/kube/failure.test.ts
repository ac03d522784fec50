import { describe, expect, it } from 'vitest';
import * as failure from '../../../src/kube/failure.ts';

const { KubeError, errorFromSocket, errorFromStatus } = failure;

const status = (code: number, reason?: string): InstanceType<typeof KubeError> =>
  errorFromStatus('GET /x', code, { kind: 'Status', message: 'so it is', reason });

describe('predicates', () => {
  const predicates = {
    isConflict: failure.isConflict,
    isAlreadyExists: failure.isAlreadyExists,
    isGone: failure.isGone,
    isNotFound: failure.isNotFound,
    isUnauthorized: failure.isUnauthorized,
    isForbidden: failure.isForbidden,
    isInvalid: failure.isInvalid,
    isThrottled: failure.isThrottled,
    isUnreachable: failure.isUnreachable,
    isTransient: failure.isTransient,
  };

  it.each<[string, unknown, readonly (keyof typeof predicates)[]]>([
    ['409 Conflict', status(409, 'Conflict'), ['isConflict']],
    ['409 AlreadyExists', status(409, 'AlreadyExists'), ['isAlreadyExists']],
    ['410', status(410, 'Expired'), ['isGone']],
    ['404', status(404), ['isNotFound']],
    ['401', status(401), ['isUnauthorized']],
    ['403', status(403), ['isForbidden']],
    ['422', status(422), ['isInvalid']],
    ['429', status(429), ['isThrottled', 'isTransient']],
    ['400', status(400), []],
    ['503', status(503), ['isTransient']],
    ['no answer', errorFromSocket('GET /x', Object.assign(new Error('x'), { code: 'ECONNRESET' })), ['isUnreachable', 'isTransient']],
    ['some other error', new Error('404'), []],
    ['no error', undefined, []],
  ])('on %s', (_, error, expected) => {
    const names = Object.entries(predicates).filter(([, predicate]) => predicate(error));
    expect(names.map(([name]) => name)).toEqual(expected);
  });
});

describe('errorFromStatus', () => {
  it.each([
    ['seconds', '30', 30],
    ['a fraction', '0.5', 0.5],
    ['a past date', 'Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['nonsense', 'soon', undefined],
    ['nothing', undefined, undefined],
  ])('understands a Retry-After of %s', (_, header, expected) => {
    expect(errorFromStatus('GET /x', 429, undefined, header).retryAfterSeconds).toBe(expected);
  });

  it('takes the wait from the details when there is no header', () => {
    expect(errorFromStatus('GET /x', 429, { kind: 'Status', details: { retryAfterSeconds: 3 } })).toMatchObject({ retryAfterSeconds: 3 });
  });

  it("keeps a body that isn't a Status object to itself", () => {
    for (const body of ['<html>', { token: 'x' }, null, undefined, []]) {
      expect(errorFromStatus('GET /x', 500, body).message).toBe('the API server answered 500 to GET /x');
    }
  });
});

describe('errorFromSocket', () => {
  it('finds the code that tells most, however deep it is', () => {
    const cause = Object.assign(new Error('inner'), { code: 'ENOTFOUND' });
    expect(errorFromSocket('GET /x', Object.assign(new Error('outer', { cause }), { code: 'UND_ERR' })).code).toBe('ENOTFOUND');
    expect(errorFromSocket('GET /x', Object.assign(new Error('outer'), { code: 'UND_ERR' })).code).toBe('UND_ERR');
    expect(errorFromSocket('GET /x', new TypeError('secret')).message).toBe("the API server can't be reached (TypeError)");
    expect(errorFromSocket('GET /x', 'what').code).toBe('Unknown');
  });
});
