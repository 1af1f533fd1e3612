/** What a rebuild would find and do: clips by split and class, what is odd, shards to build. Reads, and writes nothing. */
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StreamedIndex } from '../../pipelines/datasets/clip-stream.ts';
import { streamDataset } from '../../pipelines/datasets/index-dataset.ts';
import { countedNames } from '../../pipelines/datasets/names-tally.ts';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import { planRebuild } from '../../pipelines/shards/plan/plan-rebuild.ts';
import { usualRowBytes } from '../../pipelines/shards/plan/row-bytes.ts';
import { SourceHashes } from '../../pipelines/shards/plan/source-hashes.ts';
import { inFolder, ownedName } from '../../pipelines/store/scratch.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { SPLITS, type Clip, type Split } from '../../schemas/clip.ts';
import type { RunConfig } from '../../schemas/config/config.ts';

export interface ShardOutlook {
  readonly version: string;
  readonly shards: number;
  readonly toBuild: number;
  /** Decoded anew, and taken from shards that are there. */
  readonly clipsToExtract: number;
  readonly clipsReused: number;
}

export interface DataOutlook {
  readonly name: string;
  readonly clips: number;
  readonly splitRule: string;
  readonly splits: Readonly<Record<Split, number>>;
  readonly classes: readonly { readonly name: string; readonly splits: Readonly<Record<Split, number>> }[];
  /** Sentences for a person. */
  readonly odd: readonly string[];
  /** Of the embedded data, clips that a run makes first. */
  readonly toMake: number;
  /** Absent while clips are still to be made: shards follow from what is in the files. */
  readonly shards?: ShardOutlook;
  /** Of shards that are to be written. */
  readonly bytes: number;
  /** The engine that would extract: `Extractor.version`. */
  readonly extractorVersion: string;
}

/** Looks at datasets one after the other, reading a file's bytes once however often it is asked about. */
export class DataViewer {
  readonly #hashes = new Map<string, Promise<SourceHashes>>();
  #extractorVersion: string | undefined;

  /** @throws ModalmixError as the index stage and the plan do */
  async look(config: RunConfig, store: Store): Promise<DataOutlook> {
    return await inFolder(
      join(tmpdir(), ownedName('outlook')),
      async (folder) => await this.#look(config, store, folder),
    );
  }

  async #look(config: RunConfig, store: Store, scratch: string): Promise<DataOutlook> {
    const { dataset, extraction, name } = config;
    const index = await streamDataset(dataset, { makeMissing: false }, { folder: scratch });
    const { splits, classes, toMake } = await countClips(index, dataset.format === 'digits');
    const clips = index.clips.count;
    const warnings: string[] = [];
    this.#extractorVersion ??= (await createExtractor((text) => warnings.push(text))).version;
    const extractorVersion = this.#extractorVersion;
    const common = {
      ...{ name, clips, splitRule: index.report.splitRule, toMake, extractorVersion },
      ...{ splits, classes },
    };
    if (toMake > 0) {
      const bytes = clips * usualRowBytes(extraction);
      return { ...common, bytes, odd: [...oddities(index), ...warnings] };
    }
    const plan = await planRebuild({
      ...{ store, name, index, extraction, extractorVersion, dryRun: true },
      hashes: await this.#hashesOf(store, name),
    });
    const rowBytes = plan.rowsThere > 0 ? plan.bytesThere / plan.rowsThere : usualRowBytes(extraction);
    const unusable = plan.problems.first.map(({ path, problem }) => `${path}: ${problem?.reason ?? ''}`);
    return {
      ...common,
      odd: [
        ...oddities(index),
        ...(unusable.length === 0
          ? []
          : [
              `Cannot be used: ${countedNames({ count: plan.problems.count, examples: unusable.slice(0, 5) })}.`,
            ]),
        ...warnings,
      ],
      shards: {
        version: plan.version,
        shards: plan.shards,
        toBuild: plan.shardsToBuild.length,
        clipsToExtract: plan.clipsToExtract,
        clipsReused: plan.clipsReused,
      },
      bytes: plan.rowsToWrite * rowBytes,
    };
  }

  async #hashesOf(store: Store, name: string): Promise<SourceHashes> {
    const key = `${store.uri} ${name}`;
    const known = this.#hashes.get(key);
    if (known !== undefined) return await known;
    const opening = SourceHashes.open(store, name, { keep: true });
    this.#hashes.set(key, opening);
    return await opening;
  }
}

/** @param looks whether to look which files are not there: `toMake` is 0 else */
async function countClips(
  { classNames, clips }: StreamedIndex,
  looks: boolean,
): Promise<Pick<DataOutlook, 'splits' | 'classes' | 'toMake'>> {
  const none = () => Object.fromEntries(SPLITS.map((split) => [split, 0])) as Record<Split, number>;
  const splits = none();
  const classes = classNames.map((name) => ({ name, splits: none() }));
  let toMake = 0;
  for await (const block of clips.blocks()) {
    for (const { split, label } of block) {
      splits[split] += 1;
      classes[label]!.splits[split] += 1;
    }
    if (looks) toMake += await countMissing(block);
  }
  return { splits, classes, toMake };
}

function oddities({ report }: StreamedIndex): string[] {
  const { listedMissing, unlisted, notes } = report;
  const told = ({ count, examples }: typeof unlisted) =>
    `${String(count)} (${examples.join(', ')}${count > examples.length ? ', …' : ''})`;
  return [
    ...(listedMissing.count === 0 ? [] : [`Listed without a file: ${told(listedMissing)}.`]),
    ...(unlisted.count === 0 ? [] : [`Files that no list names: ${told(unlisted)}.`]),
    ...notes,
  ];
}

async function countMissing(clips: readonly Clip[]): Promise<number> {
  const there = await Promise.all(
    clips.map(
      async ({ path }) =>
        await stat(path).then(
          () => true,
          () => false,
        ),
    ),
  );
  return there.filter((isThere) => !isThere).length;
}
