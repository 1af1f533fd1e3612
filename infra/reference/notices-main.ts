/** `npm run notices`: writes `THIRD-PARTY-NOTICES`, as a test expects it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { installedPackages, noticesText } from './notices.ts';

const inProject = (path: string) => new URL(`../../${path}`, import.meta.url);
const lock: unknown = JSON.parse(readFileSync(inProject('package-lock.json'), 'utf8'));
writeFileSync(inProject('THIRD-PARTY-NOTICES'), noticesText(installedPackages(lock)));
