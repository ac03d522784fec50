import { getCACertificates, setDefaultCACertificates } from 'node:tls';

/** Makes every TLS client of this process trust a certificate authority, besides those it trusts already. */
export const trust = (ca: string): void => {
  setDefaultCACertificates([...getCACertificates('default'), ca]);
};
