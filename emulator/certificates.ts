// The library finds its parts by decorators, and those need this polyfill to be there first.
// oxlint-disable-next-line import/no-unassigned-import -- it exports nothing
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

/** What a TLS server needs, all PEM. */
export interface ServerCertificate {
  readonly key: string;
  readonly certificate: string;
  /** The authority that signed it: what clients must be told to trust. */
  readonly ca: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const day = 24 * 60 * 60 * 1000;

/**
 * Makes a certificate authority and one server certificate for 127.0.0.1, localhost and `host`. Everything stays in memory, and the
 * authority's key is dropped on return, so that trusting this CA can't be abused later. Valid from yesterday for 30 days by the real
 * clock, which is the one that TLS clients look at.
 */
export const createServerCertificate = async (host: string): Promise<ServerCertificate> => {
  const validity = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 30 * day) };
  const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const [authorityKeys, serverKeys] = await Promise.all([newKeys(), newKeys()]);

  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: '01',
    // Emulators that run side by side must not share an issuer's name: a client that trusts both would pick either key.
    name: `CN=Azure emulator CA ${randomBytes(4).toString('hex')}`,
    signingAlgorithm: algorithm,
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });

  const names = [...new Set(['127.0.0.1', '::1', 'localhost', host])].map(
    (value) => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const,
  );
  const server = await x509.X509CertificateGenerator.create({
    ...validity,
    serialNumber: '02',
    subject: 'CN=Azure emulator',
    issuer: authority.subject,
    signingAlgorithm: algorithm,
    publicKey: serverKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.SubjectAlternativeNameExtension(names),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });

  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', serverKeys.privateKey), 'PRIVATE KEY');
  return { key: `${key}\n`, certificate: `${server.toString('pem')}\n`, ca: `${authority.toString('pem')}\n` };
};
