/**
 * PyTorch as a peer: Debian's, and PyPI's newest. The newest is fetched only when it is asked for: its wheels for Linux on
 * x86 are CUDA's, whose libraries `import torch` needs on the CPU too (2.2 GB to fetch, 4 GB on the disk).
 */
import { execa } from 'execa';
import { builtEngine } from '../../infra/setup/steps/tensorflow.ts';
import { describeError } from '../../schemas/errors.ts';
import { findPeerPython, requireDebianTorch, requirePeerPython, SYSTEM_PYTHON } from './peers.ts';

export interface TorchPeer {
  /** As in a table: `PyTorch 1.13.0`. */
  readonly name: string;
  readonly python: string;
  /** Of the peers' scripts: `cuda` where ours computes on a GPU too. */
  readonly options: readonly string[];
}

export interface AbsentTorch {
  readonly name: string;
  readonly problem: string;
}

export interface TorchPeers {
  readonly peers: readonly TorchPeer[];
  readonly absent: readonly AbsentTorch[];
}

const NEWEST = 'torch';

/**
 * @param fetchNewest whether PyPI's may be fetched; it is used without that where it is there already
 * @throws ModalmixError `dependency` where there is not even Debian's
 */
export async function torchPeers(fetchNewest: boolean, say: (line: string) => void): Promise<TorchPeers> {
  const newest = await newestTorch(fetchNewest, say);
  if (builtEngine()?.engine === 'gpu') return listOf(withOptions(newest, ['cuda']));
  const debian = { name: nameOf(await requireDebianTorch(say)), python: SYSTEM_PYTHON, options: [] };
  const { peers, absent } = listOf(newest);
  return { peers: [debian, ...peers], absent };
}

async function newestTorch(fetch: boolean, say: (line: string) => void): Promise<TorchPeer | AbsentTorch> {
  try {
    const python = fetch ? await requirePeerPython(NEWEST, say) : findPeerPython(NEWEST);
    if (python === undefined) {
      const problem = 'it is not fetched; the option `--all-peers` does that (2.2 GB)';
      return { name: 'PyTorch 2', problem };
    }
    const program = 'import torch; print(torch.__version__)';
    const { stdout } = await execa(python, ['-W', 'ignore', '-c', program], { stdin: 'ignore' });
    return { name: nameOf(stdout), python, options: [] };
  } catch (error) {
    return { name: 'PyTorch 2', problem: describeError(error) };
  }
}

function withOptions(peer: TorchPeer | AbsentTorch, options: readonly string[]): TorchPeer | AbsentTorch {
  return 'problem' in peer ? peer : { ...peer, options };
}

function listOf(peer: TorchPeer | AbsentTorch): TorchPeers {
  return 'problem' in peer ? { peers: [], absent: [peer] } : { peers: [peer], absent: [] };
}

/** Without what says how it was built: `1.13.0a0`, `2.15.0+cu132`. */
function nameOf(version: string): string {
  return `PyTorch ${/^\d+(?:\.\d+)*/u.exec(version.trim())?.[0] ?? version}`;
}
