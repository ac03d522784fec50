import { describe, expect, it } from 'vitest';
import { askedWait } from '../../../src/azure/retry-after.ts';

const start = Date.UTC(2026, 0, 1);
const day = 24 * 3_600_000;

describe('the wait that an answer asks for', () => {
  it.each<[Readonly<Record<string, string>>, number | undefined]>([
    [{ 'retry-after': '17' }, 17_000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '-3' }, 0],
    [{ 'retry-after-ms': '300', 'retry-after': '17' }, 300],
    [{ 'x-ms-retry-after-ms': '300' }, 300],
    [{ 'retry-after-ms': '', 'retry-after': '17' }, 17_000],
    [{ 'retry-after': new Date(start + 90_000).toUTCString() }, 90_000],
    // Both by Azure's clock, whatever ours says.
    [{ 'retry-after': new Date(start + 90_000).toUTCString(), date: new Date(start + 60_000).toUTCString() }, 30_000],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }, 0],
    // A day at most, in every form.
    [{ 'retry-after': '31536000' }, day],
    [{ 'retry-after-ms': '31536000000' }, day],
    [{ 'retry-after': 'Fri, 01 Jan 2999 00:00:00 GMT' }, day],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '' }, undefined],
    [{}, undefined],
  ])('in %j is %s ms', (headers, milliseconds) => {
    expect(askedWait({ get: (name) => headers[name] }, start)).toBe(milliseconds);
  });
});
