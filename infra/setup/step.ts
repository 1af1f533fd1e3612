/** What every step of set-up looks like: it can tell whether its part is in place, and put it there. */
import type { Engine } from '../../schemas/config/engine.ts';

export interface SetupContext {
  readonly engine: Engine;
  /** Builds for a GPU that this machine has not: an image for others. */
  readonly gpuElsewhere?: boolean;
  /** A line for the person who waits. */
  readonly say: (line: string) => void;
}

export type Finding =
  | {
      readonly inPlace: true;
      readonly version: string;
      /** Where it came from: PATH, the cache, a package. */
      readonly origin: string;
      readonly detail?: string;
    }
  | {
      readonly inPlace: false;
      /** As a sentence without its full stop. */
      readonly problem: string;
      /** The command, or the act, that mends it. */
      readonly fix: string;
    };

export interface SetupStep {
  readonly name: string;
  /** What the part is needed for. */
  readonly purpose: string;
  /** Quick, and changes nothing. */
  check(context: SetupContext): Promise<Finding>;
  /**
   * Puts the part in place; harmless to call twice.
   * @throws ModalmixError `dependency` with what a person has to do instead
   */
  perform(context: SetupContext): Promise<void>;
}
