/** The media files that a person means by files and folders. */
import { stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { listFiles } from '../pipelines/datasets/list-files.ts';
import { isMediaFile } from '../pipelines/datasets/media-files.ts';
import { ModalmixError } from '../schemas/errors.ts';

export interface NamedFile {
  /** Absolute. */
  readonly path: string;
  /** As it is told to the person: the way they wrote it. */
  readonly name: string;
}

/**
 * A folder stands for all media files in it, at any depth; a file is taken as it is, also one that is not there, whose
 * prediction says so.
 *
 * @throws ModalmixError `config` when a folder holds no media file
 */
export async function clipsToPredict(targets: readonly string[]): Promise<NamedFile[]> {
  const named: NamedFile[] = [];
  for (const target of targets) {
    const path = resolve(target);
    if (!(await isFolder(path))) {
      named.push({ path, name: target });
      continue;
    }
    const files = (await listFiles(path)).filter(isMediaFile);
    if (files.length === 0) {
      throw new ModalmixError('config', 'the folder holds no media file', {
        where: target,
        fix: 'Name a folder with clips, or the clips themselves.',
      });
    }
    named.push(...files.map((file) => ({ path: file, name: join(target, relative(path, file)) })));
  }
  return named;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
