/** What goes between the page's server and its browser, as JSON. */
import type { StageProgress } from '../schemas/progress.ts';

export interface Problem {
  readonly message: string;
  readonly where?: string;
  readonly fix?: string;
}

export type RunKind = 'run' | 'experiment' | 'search' | 'retraining' | 'other';
export type RunState = 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';

/** Times in milliseconds since 1970. */
export interface RunLine {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  readonly kind: RunKind;
  readonly state: RunState;
  readonly startedAt: number;
  readonly closedAt?: number;
  /** Of one that runs. */
  readonly stages: readonly StageProgress[];
  readonly rate?: string;
  readonly etaS?: number;
  readonly note?: string;
}

/** Part `page` of the topic `runs:<query>`; its other parts are `RunLine`s by workflow id. */
export interface RunsPage {
  readonly order: readonly string[];
  /** That match. */
  readonly found: number;
  readonly all: number;
  readonly active: number;
  readonly pages: number;
}

export interface ServiceState {
  readonly temporal: 'nothing' | 'connecting' | 'connected' | 'failed';
  readonly failure?: string;
  /** `elsewhere`: with a Temporal server of one's own. */
  readonly worker: 'none' | 'starting' | 'working' | 'broken' | 'elsewhere';
  readonly workerPid?: number;
  readonly workerStarts?: number;
  readonly lastExit?: string;
  readonly workerFailure?: string;
}

/** Parts of the topic `run:<workflow id>`: `line`, `progress`, `service`, and lines of the log by their place. */
export interface LogLine {
  readonly at?: number;
  readonly level: 'info' | 'warning' | 'error';
  readonly text: string;
}

/** `GET /api/runs/<workflow id>` */
export interface RunFacts {
  readonly workflowId: string;
  readonly runId: string;
  /** Absent: where it keeps its files is not known, or not believed. */
  readonly store?: { readonly id: string; readonly uri: string };
  readonly dataset?: { readonly name: string; readonly version: string };
  readonly trainings: readonly string[];
  /** Within this page. */
  readonly report?: string;
  /** Temporal's own page about it. */
  readonly temporal?: string;
  readonly canStart: boolean;
  readonly config?: string;
  /** What it failed with. */
  readonly failure?: Problem;
}

export interface StoreFacts {
  readonly id: string;
  readonly uri: string;
}

export interface TrainingLine {
  readonly trainingId: string;
  readonly bytes: number;
  readonly complete: boolean;
}

export interface Curve {
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

export interface TrainingCurves {
  readonly trainingId: string;
  /** Steps of the newest line. */
  readonly step: number;
  readonly epoch: number;
  readonly lines: number;
  readonly curves: readonly Curve[];
  readonly last: Readonly<Record<string, number>>;
  readonly peakMemoryMiB?: number;
  readonly engine?: string;
}

export interface DatasetLine {
  readonly name: string;
  readonly version: string;
  readonly writtenAt?: number;
}

export interface DatasetFacts {
  readonly name: string;
  readonly version: string;
  readonly classNames: readonly string[];
  readonly modalities: readonly string[];
  readonly splits: readonly {
    readonly split: string;
    readonly rows: number;
    readonly classCounts: readonly number[];
    readonly missing: Readonly<Record<string, number>>;
  }[];
  readonly quarantined: readonly { readonly code: string; readonly count: number }[];
  readonly duplicates: number;
  readonly clips: number;
  readonly splitRule: string;
  readonly notes: readonly string[];
  /** Whether each clip's file is known: not for those that came by stream. */
  readonly hasFiles: boolean;
}

export interface ClipLine {
  readonly clipId: string;
  readonly label: number;
  readonly split: string;
  readonly missing: readonly string[];
  /** How many clips have the same content, this one among them. */
  readonly copies: number;
  readonly quarantine?: { readonly code: string; readonly reason: string };
  readonly pictured: boolean;
}

export interface ClipsPage {
  readonly total: number;
  readonly page: number;
  readonly pages: number;
  readonly clips: readonly ClipLine[];
}

export interface ClipFacts extends ClipLine {
  readonly group?: string;
  readonly sha256?: string;
  readonly path?: string;
  readonly audioPath?: string;
  readonly startS?: number;
  readonly endS?: number;
  readonly frames: number;
  readonly flowFrames: number;
  readonly hasAudio: boolean;
  /** Of the same content. */
  readonly twins: readonly string[];
  /** Within this page, of the file itself. */
  readonly media?: { readonly url: string; readonly kind: 'video' | 'audio' };
  readonly separateAudio?: string;
  /** Why the file is not shown. */
  readonly mediaProblem?: string;
}

export interface Mistake {
  readonly trainingId: string;
  readonly method: string;
  readonly seed: number;
  readonly clipId: string;
  readonly label: string;
  readonly predicted: string;
  readonly probability: number;
  readonly frame?: string;
}

export interface ModelVersionLine {
  readonly version: number;
  readonly trainingId: string;
  readonly method: string;
  readonly createdAt: string;
  readonly window?: number;
  readonly newClips?: number;
  readonly isCurrent: boolean;
  readonly heldOut?: { readonly candidate: number; readonly current?: number };
  readonly newData?: { readonly candidate: number; readonly current?: number };
  readonly verdict: string;
  readonly reasons: readonly string[];
  readonly drift?: {
    readonly classDistance: number;
    readonly modalities: readonly {
      readonly modality: string;
      readonly input?: number;
      readonly feature?: number;
      readonly rhoOld?: number;
      readonly rhoNew?: number;
    }[];
  };
}

/** What was told of a window of answers on the stream. */
export interface AnswersLine {
  readonly number: number;
  readonly version: number;
  readonly from: string;
  readonly to: string;
  readonly answers: number;
  readonly confidence: number;
  readonly entropy: number;
  readonly classDistance: number;
  readonly distanceFactor?: number;
  readonly labelled: number;
  readonly accuracy?: number;
  readonly calibrationError?: number;
  readonly alarms: readonly string[];
}

export interface ModelFacts {
  readonly model: string;
  /** Why nothing is known of it. */
  readonly problem?: Problem;
  readonly current?: number;
  readonly versions: readonly ModelVersionLine[];
  readonly moves: readonly {
    readonly number: number;
    readonly at: string;
    readonly from?: number;
    readonly to: number;
    readonly by: string;
    readonly reason: string;
  }[];
  readonly windows: readonly {
    readonly number: number;
    readonly newClips: number;
    readonly closedAt: string;
    readonly reason: string;
    readonly note?: string;
  }[];
  /** Newest first; a few. */
  readonly answers: readonly AnswersLine[];
  /** How many windows of answers there are. */
  readonly answerWindows: number;
  /** Within this page. */
  readonly report?: string;
}

export type StreamStep = 'ingest' | 'sink' | 'predict';

/** Of the model that a stream trains or asks. */
export interface StreamModel {
  readonly store: string;
  readonly model: string;
  readonly current?: number;
  readonly windows: number;
  readonly newest?: ModelFacts['windows'][number];
  /** By version, over the newest windows of answers that were told. */
  readonly answers: readonly { readonly version: number; readonly answers: number }[];
  readonly told?: AnswersLine;
}

export interface StreamLine {
  readonly runId: string;
  readonly dataset: string;
  readonly model?: StreamModel;
  readonly topics: readonly {
    readonly step: StreamStep;
    readonly topic: string;
    readonly partition: number;
    readonly next: number;
    readonly end: number;
    readonly lag: number;
    readonly ratePerS?: number;
  }[];
  readonly counts?: Readonly<Record<string, number | undefined>>;
  readonly generation?: number;
  readonly publishedAt?: string;
  readonly problem?: string;
}

export interface StreamsFacts {
  readonly broker: 'none' | 'stopped' | 'there';
  readonly streams: readonly StreamLine[];
}

export interface LetterLine {
  readonly place: string;
  readonly code: string;
  readonly message: string;
  readonly key?: string;
  readonly rejectedAt: string;
}
