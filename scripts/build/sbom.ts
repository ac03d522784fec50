/** What is in the bundle, for scanners, which can't see into it: an SPDX document. */
import type { Package } from './packages.ts';

const noAssertion = 'NOASSERTION';

const idOf = ({ name, version }: Pick<Package, 'name' | 'version'>): string =>
  `SPDXRef-Package-${`${name}-${version}`.replaceAll(/[^A-Za-z0-9.-]+/g, '-')}`;

const describe = (each: Pick<Package, 'name' | 'version' | 'license'>) => ({
  SPDXID: idOf(each),
  name: each.name,
  versionInfo: each.version,
  downloadLocation: noAssertion,
  filesAnalyzed: false,
  licenseConcluded: noAssertion,
  licenseDeclared: each.license ?? noAssertion,
  copyrightText: noAssertion,
});

/** The document: the program, and each package that a part of it comes from. */
export const sbom = (
  program: { readonly name: string; readonly version: string; readonly license: string },
  packages: readonly Package[],
) => ({
  spdxVersion: 'SPDX-2.3',
  dataLicense: 'CC0-1.0',
  SPDXID: 'SPDXRef-DOCUMENT',
  name: `${program.name}-${program.version}`,
  documentNamespace: `https://aks-notifier.dev/spdx/${program.name}-${program.version}`,
  creationInfo: { created: `${new Date().toISOString().slice(0, 19)}Z`, creators: ['Tool: aks-notifier scripts/build.ts'] },
  packages: [
    describe(program),
    ...packages.map((each) => ({
      ...describe(each),
      externalRefs: [
        {
          referenceCategory: 'PACKAGE-MANAGER',
          referenceType: 'purl',
          referenceLocator: `pkg:npm/${each.name.replace('@', '%40')}@${each.version}`,
        },
      ],
    })),
  ],
  relationships: [
    { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: idOf(program) },
    ...packages.map((each) => ({ spdxElementId: idOf(program), relationshipType: 'CONTAINS', relatedSpdxElement: idOf(each) })),
  ],
});
