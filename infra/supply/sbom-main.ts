/** `npm run sbom [-- <file>]`: writes the bill of materials; without a file to the standard output. */
import { writeFileSync } from 'node:fs';
import { sbomText } from './sbom.ts';

const file = process.argv[2];
const text = await sbomText();
if (file === undefined) process.stdout.write(text);
else writeFileSync(file, text);
