/** Artefacts sent to a server that refuses them before it has read them. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { uploadFile } from '../../../pipelines/tracking/mlflow/upload-file.ts';

const BYTES = 32 * 2 ** 20;

it('tells what the server said, not that the rest could not be sent', async () => {
  const server = createServer((_request, response) => {
    response.writeHead(413, { connection: 'close' }).end('too large');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-upload-'));
  try {
    const file = join(folder, 'model.safetensors');
    await writeFile(file, Buffer.alloc(BYTES));
    const { port } = server.address() as AddressInfo;
    const sent = uploadFile(`http://127.0.0.1:${String(port)}/model`, file, {});
    await expect(sent).rejects.toMatchObject({
      kind: 'config',
      message: 'it answered an artefact with 413',
    });
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
});
