/** A line of `modalmix doctor`. */

/** `missing`: the main job cannot run. `optional`: something else cannot. */
export type PartState = 'ok' | 'missing' | 'optional';

export interface Part {
  readonly name: string;
  readonly state: PartState;
  /** Version, or what is wrong. */
  readonly says: string;
  readonly origin?: string;
  /** The command that mends it. */
  readonly fix?: string;
}
