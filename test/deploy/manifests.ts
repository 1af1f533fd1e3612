/** The deployment files, read as Kubernetes and Compose would read them. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { parse, parseAllDocuments } from 'yaml';

export const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url));

export interface Manifest {
  /** Path under `deploy/`. */
  readonly file: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly [field: string]: unknown;
}

/** Everything under `deploy/kubernetes` but kustomizations and the files that they take as they are. */
export async function readManifests(): Promise<Manifest[]> {
  const root = join(DEPLOY, 'kubernetes');
  const files = (await readdir(root, { recursive: true })).filter((name) => name.endsWith('.yaml')).sort();
  const found: Manifest[] = [];
  for (const name of files) {
    const documents = parseAllDocuments(await readFile(join(root, name), 'utf8'));
    for (const document of documents) {
      if ('errors' in document && document.errors.length > 0) throw document.errors[0]!;
      const content = document.toJS() as Record<string, unknown>;
      if (typeof content['kind'] !== 'string' || content['kind'] === 'Kustomization') continue;
      found.push({ ...content, file: relative(DEPLOY, join(root, name)) } as unknown as Manifest);
    }
  }
  return found;
}

export interface Kustomization {
  readonly folder: string;
  readonly resources: readonly string[];
  readonly patches?: readonly { readonly path: string }[];
  readonly configMapGenerator?: readonly { readonly name: string; readonly files: readonly string[] }[];
}

export async function readKustomizations(): Promise<Kustomization[]> {
  const root = join(DEPLOY, 'kubernetes');
  const folders = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  return await Promise.all(
    folders.map(async ({ name }) => {
      const folder = join(root, name);
      const content = parse(await readFile(join(folder, 'kustomization.yaml'), 'utf8')) as Kustomization;
      return { ...content, folder };
    }),
  );
}

/** Compose's interpolation: `${NAME:-default}`, and `${NAME:?message}`, which is set here to a word. */
export function interpolate(text: string): string {
  return text
    .replaceAll(/\$\{[A-Z0-9_]+:-([^}]*)\}/gu, '$1')
    .replaceAll(/\$\{[A-Z0-9_]+:\?[^}]*\}/gu, 'given-from-outside')
    .replaceAll('$$', '$');
}

export async function readCompose(name: string): Promise<{ text: string; content: Compose }> {
  const text = await readFile(join(DEPLOY, name), 'utf8');
  return { text, content: parse(interpolate(text), { merge: true }) as Compose };
}

export interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
}
export interface ComposeService {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly stop_grace_period?: string;
  readonly depends_on?: Readonly<Record<string, unknown>>;
}

/**
 * What TypeScript says of the manifests as literals of the API's types: wrong types, missing fields and, which the
 * API's own schemas let pass, fields that there are not.
 */
export function typeErrors(manifests: readonly Manifest[]): string[] {
  const source = manifests
    .map(({ file: _file, ...manifest }, i) => {
      const from = modelOf(manifest.apiVersion, manifest.kind);
      const type = `I${manifest.kind}`;
      return `import type { ${type} as T${String(i)} } from '${from}';\nexport const m${String(i)}: T${String(i)} = ${JSON.stringify(manifest)};\n`;
    })
    .join('');
  const name = fileURLToPath(new URL('generated-manifests.ts', import.meta.url));
  const options: ts.CompilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, types: [] },
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    target: ts.ScriptTarget.ES2022,
  };
  const host = ts.createCompilerHost(options);
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (file, ...rest) =>
    file === name ? ts.createSourceFile(file, source, ts.ScriptTarget.ES2022) : getSourceFile(file, ...rest);
  const fileExists = host.fileExists.bind(host);
  host.fileExists = (file) => file === name || fileExists(file);
  const program = ts.createProgram([name], options, host);
  const line = (position: number) => source.slice(0, position).split('\n').length - 1;
  return ts.getPreEmitDiagnostics(program).map(({ messageText, start = 0 }) => {
    const manifest = manifests[Math.floor(line(start) / 2)];
    return `${manifest?.file ?? ''} ${manifest?.metadata.name ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

/** The module of a kind's type and schema. */
export function modelOf(apiVersion: string, kind: string): string {
  const root = apiVersion.startsWith('keda.sh/') ? '@kubernetes-models/keda' : 'kubernetes-models';
  return `${root}/${apiVersion}/${kind}`;
}
