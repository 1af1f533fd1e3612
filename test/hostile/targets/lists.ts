/** Lists and folders of datasets: what the field publishes, and what happens to it on the way. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { indexDataset } from '../../../pipelines/datasets/index-dataset.ts';
import { datasetConfigSchema } from '../../../schemas/config/dataset-config.ts';
import { mutatedBytes } from '../mutate-bytes.ts';
import { hostileText } from '../mutate-values.ts';
import type { Target } from '../target.ts';
import { scratch, write } from './files.ts';

const CSV = [
  'path,label,split\n' +
    rows((i) => `clips/c${String(i)}.mp4,${i % 2 === 0 ? 'dog' : 'cat'},${i < 4 ? 'train' : 'test'}`),
  'path;label;start;end;group\n' +
    rows((i) => `clips/c${String(i)}.mp4;"a ""b"";c";${String(i)}.5;${String(i + 2)};g${String(i)}`),
  'sep=\t\npath\tlabel\tid\taudio_path\n' +
    rows((i) => `clips/c${String(i)}.mp4\tx${String(i % 3)}\tid${String(i)}\tclips/a.wav`),
  'path,label,features:clip\n' +
    rows((i) => `clips/c${String(i)}.mp4,${String(i % 2)},clips/c${String(i)}.clip.npy`),
].map((text) => Buffer.from(text));
const CREMA = [
  rows(
    (i) => `10${String(i).padStart(2, '0')}_DFA_${i % 2 === 0 ? 'ANG' : 'HAP'}_XX,${i % 2 === 0 ? '5' : '1'}`,
    '\r\n',
  ),
];
const KINETICS = [
  rows((i) => `abcdefghij${String(i)}_000010_000020,10,${String(i % 2)}`),
  rows((i) => `abcdefghij${String(i)}_10 10 ${i % 2 === 0 ? 'playing guitar' : 'playing bass guitar'}`),
];
const UCF_LIST = [
  rows(
    (i) => `${i % 2 === 0 ? 'Archery' : 'Biking'}/v_Archery_g0${String(i)}_c01.avi ${String((i % 2) + 1)}`,
  ),
];
const UCF_CLASSES = ['1 Archery\n2 Biking\n'];

function rows(row: (i: number) => string, end = '\n'): string {
  return Array.from({ length: 8 }, (_, i) => row(i) + end).join('');
}

const buffers = (texts: readonly string[]) => texts.map((text) => Buffer.from(text));

/** Cells in place of the lists' own, quoted or not, and lines of them. */
const cells = (separators: readonly string[]) =>
  fc
    .tuple(
      fc.constantFrom(...separators),
      fc.array(
        fc.array(fc.oneof(hostileText, fc.constantFrom('clips/c0.mp4', 'dog', 'train', '1', '"', '""')), {
          minLength: 1,
          maxLength: 6,
        }),
        { maxLength: 12 },
      ),
      fc.constantFrom('path,label,split,start,end,group,id', 'PATH;LABEL', 'path\tlabel', 'label', ''),
      fc.boolean(),
    )
    .map(([separator, lines, header, quoted]) => {
      const cell = (text: string) => (quoted ? `"${text.replaceAll('"', '""')}"` : text);
      return Buffer.from(
        [header, ...lines.map((line) => line.map(cell).join(separator))].join('\n').slice(0, 65_536),
      );
    });

const listOf = (files: readonly Buffer[], separators = [',', ';', '\t', ' ']) =>
  fc.oneof({ weight: 3, arbitrary: mutatedBytes(files) }, cells(separators));

export function listTargets(): Target[] {
  const root = scratch();
  for (let i = 0; i < 8; i += 1) {
    write(root, `clips/c${String(i)}.mp4`, 'x');
    write(root, `VideoFlash/10${String(i).padStart(2, '0')}_DFA_${i % 2 === 0 ? 'ANG' : 'HAP'}_XX.flv`, 'x');
    write(root, `kinetics/abcdefghij${String(i)}_000010_000020.mp4`, 'x');
    write(root, `UCF-101/${i % 2 === 0 ? 'Archery' : 'Biking'}/v_Archery_g0${String(i)}_c01.avi`, 'x');
  }
  const dataset = (config: object) => datasetConfigSchema.parse({ validationShare: 0, ...config });
  const at = (name: string) => join(root, name);
  const index = async (config: object, lists: Readonly<Record<string, Buffer | string>>) => {
    for (const [name, bytes] of Object.entries(lists)) write(root, name, bytes);
    return await indexDataset(dataset(config));
  };
  const kind = 'lists and folders';
  const share = 0.1;
  const names = nameTarget(kind);
  return [
    {
      ...{ name: 'csv', kind, share, inputs: listOf(CSV) },
      parse: async (bytes: Buffer) =>
        await index({ format: 'csv', file: at('list.csv') }, { 'list.csv': bytes }),
    },
    {
      ...{ name: 'crema-d', kind, share, inputs: listOf(buffers(CREMA)) },
      parse: async (bytes: Buffer) =>
        await index(
          { format: 'crema-d', root, split: 'lists', trainList: at('train.csv'), testList: at('test.csv') },
          { 'train.csv': bytes, 'test.csv': CREMA[0]! },
        ),
    },
    {
      ...{ name: 'kinetics-sounds', kind, share, inputs: listOf(buffers(KINETICS)) },
      parse: async (bytes: Buffer) =>
        await index(
          {
            format: 'kinetics-sounds',
            root: at('kinetics'),
            trainList: at('ks-train'),
            testList: at('ks-test'),
          },
          { 'ks-train': bytes, 'ks-test': KINETICS[0]! },
        ),
    },
    {
      ...{ name: 'ucf-101', kind, share },
      inputs: fc.tuple(
        listOf(buffers(UCF_LIST)),
        fc.oneof(fc.constant(Buffer.from(UCF_CLASSES[0]!)), listOf(buffers(UCF_CLASSES))),
      ),
      parse: async ([list, classes]: [Buffer, Buffer]) =>
        await index(
          { format: 'ucf-101', root },
          {
            'ucfTrainTestlist/classInd.txt': classes,
            'ucfTrainTestlist/trainlist01.txt': list,
            'ucfTrainTestlist/testlist01.txt': UCF_LIST[0]!,
          },
        ),
    },
    names,
  ];
}

/** A folder of classes whose names, and whose files' names, are anything that a file system takes. */
function nameTarget(kind: string): Target<Buffer[]> {
  const folder = scratch();
  const part = fc.oneof(
    hostileText.map((text) => Buffer.from(text)),
    fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom('dog', 'DOG', 'train', 'Test', 'val', 'audio', 'é', 'e\u0301')
      .map((text) => Buffer.from(text)),
  );
  const named = fc
    .tuple(part, part, fc.constantFrom('.mp4', '.MP4', '.wav', '.npy', '', '.jpg'))
    .map(([one, other, end]) => Buffer.concat([one, Buffer.from('/'), other, Buffer.from(end)]));
  return {
    ...{ name: 'file-names', kind, share: 0.03, inputs: fc.array(named, { minLength: 1, maxLength: 10 }) },
    parse: async (paths) => {
      rmSync(folder, { recursive: true, force: true });
      for (const path of paths) {
        const parts = path
          .toString('latin1')
          .split('/')
          .filter((one) => one !== '' && one !== '.' && one !== '..');
        const file = Buffer.from([folder, ...parts].join('/'), 'latin1');
        try {
          mkdirSync(file.subarray(0, file.lastIndexOf('/')), { recursive: true });
          writeFileSync(file, 'x');
        } catch {
          // No name for this file system.
        }
      }
      mkdirSync(folder, { recursive: true });
      return await indexDataset(datasetConfigSchema.parse({ format: 'folder', root: folder }));
    },
    judge: (value) => {
      const { clips } = value as Awaited<ReturnType<typeof indexDataset>>;
      return clips.every(({ path }) => path.startsWith(`${folder}/`))
        ? undefined
        : 'a clip lies outside of the root';
    },
    show: (paths) => JSON.stringify(paths.map((path) => path.toString('latin1'))),
  };
}
