import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redact } from '../../../src/core/redact.ts';

const secret = 'https://hooks.example.com/services/T00000000/B00000000?sig=aaaabbbbcccc&x=1+2';

describe('a text', () => {
  it.each<[string, string, string]>([
    ['with the secret', `before ${secret} after`, 'before https://(hidden) after'],
    ['with it twice', `${secret} ${secret}`, 'https://(hidden) https://(hidden)'],
    ['with it in other letter case', secret.toUpperCase(), 'HTTPS://(hidden)'],
    ['without its query', `calls ${secret.split('?')[0]}.`, 'calls https://(hidden).'],
    ['that was cut', `calls ${secret.slice(0, 40)}…`, 'calls https://(hidden)…'],
    ['that is only its end', secret.slice(-20), '(hidden)'],
    ['that is JSON', JSON.stringify({ uri: secret }), '{"uri":"https://(hidden)"}'],
    ['that is JSON as .NET writes it', `{"uri":"${secret.replace('&', '\\u0026').replace('+', '\\u002b')}"}`, '{"uri":"https://(hidden)"}'],
    ['that is part of a URL', `?uri=${encodeURIComponent(secret)}`, '?uri=https%3A%2F%2F(hidden)'],
    ['that is HTML', `<b>${secret.replace('&', '&amp;')}</b>`, '<b>https://(hidden)</b>'],
    ['without it', 'The webhook https://example.com is refused.', 'The webhook https://example.com is refused.'],
    ['with no more than its host’s end', 'see example.com', 'see example.com'],
  ])('%s', (_, text, said) => {
    expect(redact(text, [secret])).toBe(said);
  });

  it('loses short secrets as a whole, and all of several', () => {
    expect(redact('p is hunter2 and http://q', ['hunter2', 'http://q'])).toBe('p is (hidden) and (hidden)');
    expect(redact('p', [])).toBe('p');
    expect(redact('p', [''])).toBe('p');
  });

  it('keeps its words when a secret is shorter than a word', () => {
    const text = 'Grant Reader at /subscriptions/x, as https://example.com says';
    expect(redact(text, ['http://a', 'http://x', 'https://Reader'])).toBe(text);
  });

  it.each<[string, string, string]>([
    ['is decoded', 'https://h.example/k3y-Abc-xyz/t0k-en9-zz&q', 'https://(hidden)'],
    ['is decoded and cut', '…xyz/t0k-en9-zz', '…(hidden)'],
    ['is decoded, as JSON', '{"path":"k3y-Abc-xyz/t0k-en9-zz\\u0026q"}', '{"path":"(hidden)"}'],
  ])('loses a percent-encoded secret that %s', (_, text, said) => {
    expect(redact(text, ['https://h.example/k3y%2DAbc%2Dxyz/t0k%2Den9%2Dzz%26q%ZZ%FF'])).toBe(said);
  });

  it('never shows twelve characters of a secret in a row, and keeps what has none', () => {
    const value = fc.string({ minLength: 12, maxLength: 60, unit: 'grapheme-ascii' });
    fc.assert(
      fc.property(
        value,
        fc.array(fc.oneof(fc.string({ unit: 'grapheme-ascii' }), fc.constantFrom('x', ' ', '\u0130')), { maxLength: 4 }),
        fc.nat(),
        (hiddenValue, around, cut) => {
          const text = around.join(hiddenValue.slice(cut % hiddenValue.length)) + hiddenValue;
          const said = redact(text, [hiddenValue]).toLowerCase();
          const bare = hiddenValue.replace(/^https?:\/\//i, '') || hiddenValue;
          for (let at = 0; at + 12 <= bare.length; at += 1) expect(said).not.toContain(bare.slice(at, at + 12).toLowerCase());
        },
      ),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9 ]*$/), (text) => {
        expect(redact(text, [secret.replaceAll(/\d/g, 'x')])).toBe(text);
      }),
    );
  });
});
