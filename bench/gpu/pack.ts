/**
 * What a machine with a GPU needs to run `run.ts`, without a network, Node or npm there: Linux on the same kind of processor, with the
 * GPU's Vulkan driver. Pieces of at most 60 MiB, and how to put them together.
 *
 *     npx tsx bench/gpu/pack.ts <folder>      # needs set-up, for TensorFlow's numbers
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { build, type BuildOptions } from 'esbuild';
import { execa } from 'execa';
import { PROJECT_FOLDER } from '../../infra/folders.ts';
import { nodeWithTypeScript } from '../../infra/supervisor/supervise.ts';

const PIECE_MIB = 60;
/** NVIDIA's Vulkan driver needs those of X. */
const LIBRARIES = /^lib(?:vulkan|X11|Xext|xcb|Xau|Xdmcp|bsd|md)\.so\.\d+$/u;
const LIBRARY_FOLDERS = [
  `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
  '/usr/lib64',
];
const RUN = join(PROJECT_FOLDER, 'bench', 'gpu', 'run.ts');

/** The system's own libraries come first; a driver of NVIDIA's that no manifest names is given one. */
const RUN_SH = `#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "$VK_DRIVER_FILES" ] && ! ls /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json >/dev/null 2>&1; then
  for driver in libGLX_nvidia.so.0 libEGL_nvidia.so.0; do
    path=$(ldconfig -p 2>/dev/null | sed -n "s/.*$driver.* => //p" | head -1)
    [ -n "$path" ] || continue
    printf '{"file_format_version":"1.0.1","ICD":{"library_path":"%s","api_version":"1.3.0"}}' "$path" > "$here/driver.json"
    export VK_DRIVER_FILES="$here/driver.json"
    break
  done
fi
export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/lib"
export MODALMIX_ENGINE=webgpu
exec "$here/node" "$here/run.mjs" "$@"
`;

const folder = resolve(process.argv[2] ?? 'gpu-pack');
const pack = join(folder, 'modalmix-gpu');
rmSync(pack, { recursive: true, force: true });
mkdirSync(pack, { recursive: true });
await bundle();
await writeAnswers();
copyRest();
await cut();

async function bundle(): Promise<void> {
  const common: BuildOptions = {
    ...{ bundle: true, platform: 'node', target: 'node20', logLevel: 'error', absWorkingDir: PROJECT_FOLDER },
    keepNames: true,
  };
  const modules = join(pack, 'node_modules');
  // One copy of the core, which the backends register their kernels with. There is no TensorFlow: its place is taken by the backend in JavaScript.
  const core = join(modules, '@tensorflow', 'tfjs-core', 'index.js');
  const parts = ['index', 'register_all_gradients', 'public/chained_ops/register_all_chained_ops'];
  const contents = parts.map((name) => `export * from '@tensorflow/tfjs-core/dist/${name}.js';`).join('\n');
  await build({
    ...{ ...common, format: 'cjs', outfile: core },
    stdin: { contents, resolveDir: PROJECT_FOLDER },
  });
  for (const name of ['tfjs-backend-cpu', 'tfjs-backend-webgpu']) {
    await build({
      ...common,
      ...{ format: 'cjs', outfile: join(modules, '@tensorflow', name, 'index.js') },
      ...{
        entryPoints: [`./node_modules/@tensorflow/${name}/dist/index.js`],
        external: ['@tensorflow/tfjs-core'],
      },
    });
  }
  const stand = join(modules, '@tensorflow', 'tfjs-node', 'index.js');
  mkdirSync(dirname(stand), { recursive: true });
  writeFileSync(
    stand,
    [
      "const tf = require('@tensorflow/tfjs-core');",
      "require('@tensorflow/tfjs-backend-cpu');",
      "require('@tensorflow/tfjs-backend-webgpu');",
      // The backend's own, to be timed beside ours.
      "tf.registerKernel({ ...tf.getKernel('Conv2DBackpropFilter', 'webgpu'), backendName: 'webgpu-original' });",
      "tf.copyRegisteredKernels('cpu', 'tensorflow');",
      // Attributes of TensorFlow's operators, which are made but never used.
      "tf.registerBackend('tensorflow', () => Object.assign(tf.findBackend('cpu'), { binding: {} }));",
      "tf.setBackend('tensorflow');",
      "module.exports = { ...tf, version: { 'tfjs-node': 'none' } };\n",
    ].join('\n'),
  );
  await build({
    ...common,
    ...{ format: 'esm', outdir: pack, entryPoints: [RUN], splitting: true, outExtension: { '.js': '.mjs' } },
    external: ['webgpu'],
    banner: {
      js: "import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);",
    },
  });
}

/** TensorFlow's, on the processor. */
async function writeAnswers(): Promise<void> {
  const { program, args } = nodeWithTypeScript();
  const { stdout } = await execa(program, [...args, RUN, '--stage', 'answers'], {
    env: { MODALMIX_ENGINE: 'cpu' },
    stdin: 'ignore',
  });
  writeFileSync(join(pack, 'answers.json'), stdout);
}

function copyRest(): void {
  const from = (...names: string[]) => join(PROJECT_FOLDER, ...names);
  const dawn = join('node_modules', 'webgpu');
  for (const name of ['package.json', 'index.js', join('dist', `linux-${process.arch}`)]) {
    cpSync(from(dawn, name), join(pack, dawn, name), { recursive: true });
  }
  for (const name of ['training_step.py', 'resnet.py'])
    cpSync(from('bench', 'peers', name), join(pack, name));
  cpSync(process.execPath, join(pack, 'node'));
  const libraries = join(pack, 'lib');
  mkdirSync(libraries);
  for (const place of LIBRARY_FOLDERS.filter((one) => existsSync(one))) {
    for (const name of readdirSync(place).filter((one) => LIBRARIES.test(one))) {
      cpSync(join(place, name), join(libraries, name), { dereference: true });
    }
  }
  const run = join(pack, 'run.sh');
  writeFileSync(run, RUN_SH);
  chmodSync(run, 0o755);
}

async function cut(): Promise<void> {
  for (const name of readdirSync(folder).filter((one) => one.startsWith('modalmix-gpu.tar'))) {
    rmSync(join(folder, name));
  }
  const command = `tar -c modalmix-gpu | gzip -9 | split -b ${String(PIECE_MIB)}m - modalmix-gpu.tar.gz.`;
  await execa('sh', ['-c', command], { cwd: folder });
  const pieces = readdirSync(folder).filter((one) => one.startsWith('modalmix-gpu.tar.gz.'));
  for (const name of pieces) {
    console.log(`${name}: ${(statSync(join(folder, name)).size / 2 ** 20).toFixed(1)} MiB`);
  }
  console.log('there: cat modalmix-gpu.tar.gz.* | tar -xz && modalmix-gpu/run.sh --out figures');
}
