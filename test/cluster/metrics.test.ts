import { beforeAll, describe, expect, it } from 'vitest';
import { provideTool } from '../../tools/provide.ts';
import { run } from '../support/process.ts';
import { notification } from '../support/notification.ts';
import { eventful, rig } from '../unit/observe/scrape.ts';

let promlint: string;

beforeAll(async () => {
  promlint = await provideTool('promlint');
});

/** What promtool's linter has against a scrape. */
const lint = async (text: string) => run(promlint, [], { env: {}, input: text });

const clean = { code: 0, stdout: '', stderr: '' };

describe('a scrape', () => {
  it('is clean by the rules of promtool, with every series there is', async () => {
    expect(await lint(await eventful().text())).toEqual(clean);
  });

  it('is clean when nothing has happened yet', async () => {
    expect(await lint(await rig().text())).toEqual(clean);
  });

  it('can be read whatever stands in a label', async () => {
    const { store, text } = rig({ version: 'a"b\\c\nd' });
    store.apply(notification({ metadata: { name: '{x="y"}\n\\ größe' } }));
    expect(await lint(await text())).toEqual(clean);
  });

  it('that breaks the rules would be noticed', async () => {
    const once = '# HELP x_total x\n# TYPE x_total counter\nx_total 1\n';
    expect(await lint(`${once}x_total 2\n`)).toEqual({ code: 3, stdout: 'x_total metric not unique\n', stderr: '' });
    expect((await lint(once + once)).stderr).toContain('second HELP line');
    expect((await lint('# HELP x x\n# TYPE x counter\nx 1\n')).stdout).toContain('x counter metrics should have "_total" suffix');
    expect((await lint('')).code).toBe(1);
  });
});
