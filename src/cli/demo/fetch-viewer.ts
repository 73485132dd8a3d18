import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CommandError } from '../command-error.ts';

const run = promisify(execFile);

const version = '3.13.2';
/** SHA-512 of the package's file, as `npm view @ohif/app@3.13.2 dist.integrity` says. */
const integrity =
  'WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA==';

/**
 * The built OHIF viewer from the npm registry. It is 50 MB to fetch, so it is kept from one time to
 * the next, in the user's cache folder.
 *
 * @param tell - hears what takes so long.
 * @returns the folder with its `index.html`.
 * @throws {@link CommandError} when it cannot be had.
 */
export async function fetchViewer(tell: (text: string) => void): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'drawbridge');
  const kept = join(cache, `ohif-${version}`);
  if (!existsSync(kept)) {
    tell(`fetching the viewer (@ohif/app ${version}, 50 MB) from the npm registry, this once …`);
    await mkdir(cache, { recursive: true });
    const draft = await mkdtemp(join(cache, 'draft-'));
    try {
      await download(draft);
      tell(`unpacking it into ${kept} …`);
      await unpack(draft);
      await rename(join(draft, 'package'), kept).catch((error: unknown) => {
        // Another run was quicker.
        if (!existsSync(kept)) throw error;
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
  return join(kept, 'dist');
}

const packageFile = `ohif-app-${version}.tgz`;

async function download(folder: string): Promise<void> {
  // Without a registry npm would go on trying for more than a minute.
  const patience = ['--fetch-retries=2', '--fetch-retry-mintimeout=1000'];
  const words = ['pack', `@ohif/app@${version}`, '--ignore-scripts', '--loglevel=error'];
  await run('npm', [...words, ...patience], { cwd: folder }).catch((error: unknown) => {
    const { stderr = '' } = error as { readonly stderr?: string };
    const why = stderr.trim().split('\n')[0] ?? '';
    throw new CommandError(`cannot fetch @ohif/app ${version} from the npm registry: ${why}`);
  });
  const digest = createHash('sha512').update(await readFile(join(folder, packageFile)));
  if (digest.digest('base64') !== integrity) {
    throw new CommandError(`@ohif/app ${version} is not what it was when this was written`);
  }
}

async function unpack(folder: string): Promise<void> {
  // Models for segmentation by machine, two thirds of the whole: the demo comes nowhere near them.
  await run('tar', ['-xzf', packageFile, '--exclude=package/dist/ort'], { cwd: folder });
}
