/** Runs contenders in turns, so that a machine that gets slower or faster does so for all of them. */

/**
 * @param contenders each does its work once and answers with what it measured
 * @returns each contender's answers, one a round; every second round goes through them backwards
 */
export async function inTurns<Name extends string, Measured>(
  rounds: number,
  contenders: Readonly<Record<Name, () => Promise<Measured>>>,
): Promise<Record<Name, Measured[]>> {
  const names = Object.keys(contenders) as Name[];
  const answers = Object.fromEntries(names.map((name) => [name, [] as Measured[]])) as Record<
    Name,
    Measured[]
  >;
  for (let round = 0; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      answers[name].push(await contenders[name]());
    }
  }
  return answers;
}

/** Seconds that `work` takes. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1_000;
}
