/** The JSON Schema beside a config that is written here, so that editors complete and check it, offline. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCHEMA = fileURLToPath(new URL('../schemas/json/run.schema.json', import.meta.url));
/** From the config's own folder. */
const COPY = join('.modalmix', 'run.schema.json');

/** A config's first line, by which YAML editors find its schema. */
export const SCHEMA_LINE = `# yaml-language-server: $schema=${COPY}\n`;

/**
 * Writes a config and puts the schema where its first line says.
 *
 * @throws the system's error, `EEXIST` when the file is there already
 */
export async function writeNewConfig(configFile: string, text: string): Promise<void> {
  await writeFile(configFile, text, { flag: 'wx' });
  const copy = join(dirname(configFile), COPY);
  await mkdir(dirname(copy), { recursive: true });
  await copyFile(SCHEMA, copy);
}
