import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLogger, type Logger, type LoggerOptions } from '../../../src/observe/logger.ts';

/** What a logger writes when it is used like this, in pieces as they were written. */
const written = (use: (log: Logger) => void, options: Partial<LoggerOptions> = {}): readonly string[] => {
  const lines: string[] = [];
  use(createLogger({ level: 'info', encoding: 'json', write: (line) => void lines.push(line), ...options }));
  return lines;
};

const entryOf = (use: (log: Logger) => void): Record<string, unknown> => JSON.parse(written(use).join(''));
const consoleOf = (use: (log: Logger) => void): string => written(use, { encoding: 'console' }).join('');

const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl_-';
/** What would otherwise stand in a line, with what must not. */
const secrets: readonly (readonly [what: string, text: string, secret: string, left: string])[] = [
  ['the query of a URL', 'POST https://logic.azure.com/run?api=1&sig=s3cret failed', 's3cret', 'https://logic.azure.com/run?… failed'],
  ['the fragment of a URL', '"http://x.y/#s3cret"', 's3cret', 'http://x.y/?…'],
  ['who signs in by a URL', 'proxy https://me:s3cret@proxy:3128/ is gone', 's3cret', 'https://…@proxy:3128/ is gone'],
  ['a signature', 'signed with sig=s3cret&se=2026', 's3cret', 'sig=…&se=2026'],
  ['an assertion', 'client_assertion=s3cret', 's3cret', 'client_assertion=…'],
  ['a bearer token', 'Authorization: Bearer s3cret.~+/==, more', 's3cret', 'Bearer …, more'],
  ['a token', `the token ${jwt} has expired`, 'eyJ', 'the token … has expired'],
];

describe('a log line in JSON', () => {
  it('has the keys that users of controller-runtime and Flux filter by', () => {
    const entry = entryOf((log) => log.info({ namespace: 'platform', name: 'prod', reconcileID: 'r1' }, 'reconciled'));
    expect(entry).toEqual({
      level: 'info',
      ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      msg: 'reconciled',
      controller: 'maintenancenotification',
      controllerGroup: 'aks-notifier.dev',
      controllerKind: 'MaintenanceNotification',
      namespace: 'platform',
      name: 'prod',
      reconcileID: 'r1',
    });
  });

  it('tells an error by its message and where it comes from', () => {
    const error = new TypeError('no\nluck');
    expect(entryOf((log) => log.error({ error }, 'failed'))).toMatchObject({ msg: 'failed', error: 'no\nluck', stacktrace: error.stack });
    expect(entryOf((log) => log.error(error))).toMatchObject({ level: 'error', msg: 'no\nluck', error: 'no\nluck' });
    expect(entryOf((log) => log.error({ error: 'no luck' }, 'failed'))).toMatchObject({ error: 'no luck' });
  });

  it('is not there below the level', () => {
    const chat = (log: Logger): void => {
      log.debug('quiet');
      log.info('loud');
    };
    expect(written(chat)).toHaveLength(1);
    expect(written(chat, { level: 'debug' })).toHaveLength(2);
    expect(written(chat, { level: 'error' })).toEqual([]);
  });
});

describe('a log line at a console', () => {
  it('reads as time, level, message and pairs, without what is the same on every line', () => {
    const line = consoleOf((log) => log.warn({ namespace: 'platform', count: 3, done: true, id: '/subscriptions/x' }, 'reconcile failed'));
    expect(line).toMatch(/^\d{4}-\S+Z WARN {2}reconcile failed namespace=platform count=3 done=true id=\/subscriptions\/x\n$/);
  });

  it('quotes what could be misread', () => {
    const line = consoleOf((log) => log.info({ words: 'two words', quote: 'a"b', empty: '', pair: 'a=b', list: ['x y'], none: null }, 'm'));
    expect(line).toContain(String.raw`m words="two words" quote="a\"b" empty="" pair="a=b" list=["x y"] none=null`);
  });

  it('keeps an error with its stack on the line', () => {
    const line = consoleOf((log) => log.error({ error: new TypeError('no\nluck') }, 'failed'));
    expect(line).toContain(String.raw`ERROR failed error="no\nluck" stacktrace="TypeError: no\nluck\n    at`);
    expect(line.split('\n')).toHaveLength(2);
  });
});

describe.each(['json', 'console'] as const)('a log line (%s)', (encoding) => {
  it('ends once, whatever stands in it', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', ' ', '"', '\\', '\n', '\r', '\t', '\u001B', '\u0085', '\u2028', '\u2029', '?', '@'),
    });
    fc.assert(
      fc.property(text, text, text, (message, value, nested) => {
        const lines = written((log) => log.info({ value, nested: { nested } }, message), { encoding });
        expect(lines).toHaveLength(1);
        expect(lines[0]).toMatch(/^[^\p{Cc}\p{Zl}\p{Zp}]+\n$/u);
      }),
    );
  });

  it.each(secrets)('does not tell %s', (_what, text, secret, left) => {
    const lines = written((log) => log.info({ text, error: new Error(text), deep: { list: [text] } }, text), { encoding });
    expect(lines.join('')).not.toContain(secret);
    expect(lines.join('').split(left).length - 1).toBeGreaterThanOrEqual(4);
  });

  it('tells what is no secret as it is', () => {
    const text = 'GET https://10.0.0.1:443/api/v1/namespaces gave 403; ask me@contoso.com; code=429';
    expect(written((log) => log.info(text), { encoding }).join('')).toContain(text);
  });
});

describe('what is taken out of a line', () => {
  it('leaves JSON that can be read', () => {
    const piece = fc.constantFrom(
      'https://a.b/c?',
      'sig=',
      'Bearer ',
      'eyJabcdefghi.',
      '"',
      '\\',
      '&',
      'x',
      ' ',
      '\n',
      '@',
      '://',
      '#',
      "'",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.array(piece, { maxLength: 12 }), (one, two) => {
        const entry = entryOf((log) => log.info({ one: one.join(''), two: two.join(''), last: 1 }, 'm'));
        expect(entry).toMatchObject({ msg: 'm', last: 1 });
        expect(Object.keys(entry)).toContain('two');
      }),
    );
  });
});
