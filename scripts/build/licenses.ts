/** The notices that the licences of bundled packages ask for: a bundle is a copy of them. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Package } from './packages.ts';

const noticeOf = async ({ directory, name, version, license }: Package): Promise<string> => {
  const files = (await readdir(directory)).filter((file) => /^(licen[cs]e|notice|copying|thirdpartynotice)/i.test(file)).toSorted();
  const texts = await Promise.all(files.map(async (file) => (await readFile(join(directory, file), 'utf8')).trim()));
  return [`${name} ${version} (${license ?? 'see below'})`, ...texts].join('\n\n');
};

/** One text with the name, version, licence and notices of each package. */
export const thirdPartyLicenses = async (packages: readonly Package[]): Promise<string> =>
  `${(await Promise.all(packages.map(noticeOf))).join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
