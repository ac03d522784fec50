import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dashboardQueries, readAlerts, readDashboard, runbooks } from '../support/monitoring.ts';

const sections = ['What is at stake', 'How to look', 'What to do', 'When it is harmless'];

describe('the alerts', () => {
  it('have names that can be told from those of others, each once', async () => {
    const names = (await readAlerts()).map(({ alert }) => alert);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^AksNotifier[A-Z]\w+$/.test(name))).toEqual([]);
  });

  it('have a severity, a summary, a description that says where, and a runbook', async () => {
    for (const { alert, labels, annotations } of await readAlerts()) {
      expect(['info', 'warning']).toContain(labels['severity']);
      expect(Object.keys(annotations).toSorted()).toEqual(['description', 'runbook_url', 'summary']);
      expect(annotations['runbook_url']).toMatch(new RegExp(`/docs/runbooks/${alert}\\.md$`));
    }
  });

  it('say of what they speak', async () => {
    const texts = (await readAlerts()).map(({ expr, annotations }) => ({
      expr,
      text: `${annotations['summary']} ${annotations['description']}`,
    }));
    // What is absent has no labels.
    const nowhere = texts.filter(({ expr, text }) => !expr.startsWith('absent') && !text.includes('$labels.namespace }}'));
    const nameless = texts.filter(({ expr, text }) => expr.includes('(cluster, namespace, name)') && !text.includes('$labels.name }}'));
    expect([nowhere, nameless]).toEqual([[], []]);
  });
});

describe('the runbooks', () => {
  it('are those of the alerts, and the index names each', async () => {
    const files = (await readAlerts()).map(({ alert }) => `${alert}.md`);
    expect((await readdir(runbooks)).toSorted()).toEqual([...files, 'README.md'].toSorted());
    const index = await readFile(join(runbooks, 'README.md'), 'utf8');
    expect(files.filter((file) => !index.includes(`](${file}) |`))).toEqual([]);
  });

  it('all have the same sections, none of them empty', async () => {
    for (const { alert } of await readAlerts()) {
      const page = await readFile(join(runbooks, `${alert}.md`), 'utf8');
      const [head, ...parts] = page.split(/^## /m);
      expect(head).toMatch(new RegExp(`^# ${alert}\n\n\\S`));
      expect(parts.map((part) => part.split('\n')[0])).toEqual(sections);
      expect(parts.filter((part) => !/^.+\n\n\S/.test(part))).toEqual([]);
    }
  });
});

describe('the dashboard', () => {
  it('has panels with ids of their own, that lie side by side and never on each other', async () => {
    const { panels } = await readDashboard();
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
  });

  it('needs nothing but Grafana itself and a Prometheus that is chosen', async () => {
    const { panels, schemaVersion, uid, templating } = await readDashboard();
    expect(schemaVersion).toBeGreaterThanOrEqual(36);
    expect(uid).toMatch(/^[a-z-]{1,40}$/);
    expect([...new Set(panels.map(({ type }) => type))].toSorted()).toEqual(['row', 'stat', 'table', 'timeseries']);
    expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['namespace', 'query'],
    ]);
    const sources = panels.flatMap(({ datasource, targets = [] }) => [datasource].concat(targets.map((target) => target.datasource)));
    const chosen = { type: 'prometheus', uid: '${datasource}' };
    expect(sources.filter((source) => source !== undefined && JSON.stringify(source) !== JSON.stringify(chosen))).toEqual([]);
  });

  it('has a title, a unit and a query in every panel', async () => {
    const panels = (await readDashboard()).panels.filter(({ type }) => type !== 'row');
    expect(panels.length).toBeGreaterThan(20);
    for (const { title, fieldConfig, targets = [] } of panels) {
      expect(title).not.toBe('');
      expect(fieldConfig?.defaults.unit).toMatch(/^(?:short|s|bytes|reqps|ops)$/);
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      expect(targets.map(({ expr }) => expr.trim()).filter(Boolean)).not.toEqual([]);
    }
  });

  it('uses no variable that it doesn’t have', async () => {
    const used = (await dashboardQueries()).flatMap((query) => query.match(/\$\w+/g) ?? []);
    expect([...new Set(used)].toSorted()).toEqual(['$__range', '$__rate_interval', '$namespace']);
  });
});
