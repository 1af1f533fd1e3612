/** The child of `modalmix doctor` that asks WebGPU for its GPU: a driver may take the process down. */
import { findWebGpu } from '../../pipelines/training/webgpu.ts';

process.stdout.write((await findWebGpu()) ?? '');
process.exit(0);
