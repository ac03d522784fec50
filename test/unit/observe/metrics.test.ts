import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../../src/observe/metrics.ts';
import type { RunReport } from '../../../src/runtime/controller.ts';

const report = (outcome: RunReport['outcome']): RunReport => ({
  key: 'platform/prod',
  outcome,
  deadlineExceeded: false,
  waitedMilliseconds: 0,
  milliseconds: 40,
  failures: 0,
  nextMilliseconds: undefined,
});

describe('the metrics', () => {
  it('count runs under the names and results that dashboards of controller-runtime know', async () => {
    const metrics = createMetrics(() => 0);
    metrics.ran(report({ kind: 'done' }));
    metrics.ran(report({ kind: 'after', milliseconds: 1 }));
    metrics.ran(report({ kind: 'backOff', capMilliseconds: 1 }));
    metrics.ran(report({ kind: 'threw', error: new Error('x') }));
    metrics.ran(report({ kind: 'aborted' }));
    const { body } = await metrics.scrape();
    const label = (result: string): string => `controller_runtime_reconcile_total{controller="maintenancenotification",result="${result}"}`;
    expect(body).toContain(`${label('success')} 1`);
    expect(body).toContain(`${label('requeue_after')} 1`);
    expect(body).toContain(`${label('error')} 2`);
    expect(body).toContain(`${label('requeue')} 1`);
    expect(body).toContain('controller_runtime_reconcile_time_seconds_bucket{le="0.1",controller="maintenancenotification"} 5');
  });

  it('count calls to Azure by operation and code', async () => {
    const metrics = createMetrics(() => 0);
    metrics.calledAzure({ operation: 'actionGroups.put', code: '200', seconds: 0.3 });
    metrics.calledAzure({ operation: 'actionGroups.put', code: '429', seconds: 0.1 });
    const { body } = await metrics.scrape();
    expect(body).toContain('aks_notifier_azure_requests_total{operation="actionGroups.put",code="200"} 1');
    expect(body).toContain('aks_notifier_azure_requests_total{operation="actionGroups.put",code="429"} 1');
    expect(body).toContain('aks_notifier_azure_request_seconds_count{operation="actionGroups.put"} 2');
  });

  it('ask for the depth of the queue at each scrape', async () => {
    let depth = 3;
    const metrics = createMetrics(() => depth);
    expect((await metrics.scrape()).body).toMatch(/^workqueue_depth\{[^}]*\} 3$/m);
    depth = 0;
    expect((await metrics.scrape()).body).toMatch(/^workqueue_depth\{[^}]*\} 0$/m);
  });

  it('of two programs in one process do not meet', () => {
    expect(() => [createMetrics(() => 0), createMetrics(() => 0)]).not.toThrow();
  });
});
