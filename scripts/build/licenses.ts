/** The notices that the licences of bundled packages ask for: a bundle is a copy of them. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

const packageOf = (input: string): string | undefined => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];

const noticeOf = async (directory: string): Promise<string> => {
  const { name, version, license } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as Package;
  const files = (await readdir(directory)).filter((file) => /^(licen[cs]e|notice|copying|thirdpartynotice)/i.test(file)).toSorted();
  const texts = await Promise.all(files.map(async (file) => (await readFile(join(directory, file), 'utf8')).trim()));
  return [`${name} ${version} (${license ?? 'see below'})`, ...texts].join('\n\n');
};

/** One text with the name, version, licence and notices of each package that some of the bundle's inputs belong to. */
export const thirdPartyLicenses = async (inputs: readonly string[]): Promise<string> => {
  const directories = [...new Set(inputs.map(packageOf).filter((each) => each !== undefined))].toSorted();
  const notices = await Promise.all(directories.map(noticeOf));
  return `${notices.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
};
