/** The child of `probe-tensorflow.ts`. */
try {
  const { tensorflowFacts } = await import('../../../pipelines/engine/tensorflow.ts');
  process.stdout.write(JSON.stringify(await tensorflowFacts()));
} catch (error) {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  process.stderr.write(cause instanceof Error ? cause.message : String(cause));
  process.exitCode = 1;
}
