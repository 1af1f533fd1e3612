/** A file of an export. */
export interface OutputFile {
  /** Within the export's folder. */
  readonly path: string;
  readonly bytes: Uint8Array;
}
