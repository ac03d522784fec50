import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { run } from '../support/process.ts';

it('the demo plays to its end: two mails, and nothing is left', async () => {
  const { code, stdout, stderr } = await run(process.execPath, [fileURLToPath(new URL('../../demo/demo.ts', import.meta.url))], {
    env: { ...process.env, KEEP: '' },
  });
  expect(stderr).not.toContain('The demo failed');
  expect(code).toBe(0);
  expect(stdout.match(/^ +To: oncall@contoso\.com$/gmu)).toHaveLength(2);
  expect(stdout).toMatch(/nothing is left\)\n\nDone\.\n$/u);
});
