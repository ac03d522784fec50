import { randomUUID } from 'node:crypto';

/** What the headers of an answer depend on. */
interface Exchange {
  /** Canonical; absent when the request never got past sign-in. */
  readonly type?: string | undefined;
  readonly at: Date;
}

const ofService = (type: string | undefined): Record<string, string> => {
  if (type === 'Microsoft.Insights/scheduledQueryRules') {
    return {
      'api-supported-versions': '2023-12-01, 2025-01-01-preview, 2026-03-01',
      'set-cookie': `ARRAffinity=${randomUUID().replaceAll('-', '')};Path=/;HttpOnly;Secure`,
    };
  }
  return type?.startsWith('Microsoft.Insights/actionGroups') === true ? { 'x-activityid': randomUUID() } : {};
};

/** The headers that every answer carries, with fresh ids of the request, and those of the service. Rate limits are `rate-limits.ts`. */
export const headersOf = ({ type, at }: Exchange): Record<string, string> => {
  const correlationId = randomUUID();
  return {
    date: at.toUTCString(),
    'cache-control': 'no-cache',
    pragma: 'no-cache',
    expires: '-1',
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    'x-content-type-options': 'nosniff',
    'x-ms-request-id': randomUUID(),
    'x-ms-correlation-request-id': correlationId,
    'x-ms-routing-request-id': `EMULATOR:${at.toISOString().slice(0, 19).replaceAll(/[-:]/gu, '')}Z:${correlationId}`,
    ...ofService(type),
  };
};
