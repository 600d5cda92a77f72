/** What the last batch gave: keeps the JIT from leaving the work out. */
const sink: { last: unknown } = { last: undefined };

/** Answers `count` inputs, taken in turn. A function for each contender, so that the JIT specialises its loop for it alone. */
export function repeat<T>(inputs: readonly T[], answer: (input: T) => unknown): (count: number) => void {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- constant text
  const make = new Function(
    'inputs',
    'answer',
    'keep',
    `return (count) => {
      let last, at = 0;
      for (let i = 0; i < count; i++) { last = answer(inputs[at]); if (++at === inputs.length) at = 0; }
      keep(last);
    };`,
  ) as (inputs: readonly T[], answer: (input: T) => unknown, keep: (value: unknown) => void) => (count: number) => void;
  return make(inputs, answer, (value) => {
    sink.last = value;
  });
}
