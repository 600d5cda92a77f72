import { expect, test } from '@jest/globals';
import { Timeline } from './timeline.ts';

test('the last attempt shows each evaluation with all that it took, waiting included', () => {
  let real = 1_000;
  const timeline = new Timeline(() => real, 1_000);
  const [a, b] = [{}, {}];
  timeline.restart();
  timeline.begin(a);
  real += 50; // evaluated
  timeline.end();
  timeline.begin(b);
  real += 10; // evaluated up to where it has to wait
  real += 900; // waited
  timeline.restart();
  expect(timeline.nowNs()).toBe(1_000);
  timeline.begin(a); // known from the attempt before
  timeline.end();
  expect(timeline.nowNs()).toBe(1_050);
  timeline.begin(b);
  expect(timeline.nowNs()).toBe(1_960);
  real += 20; // evaluated to the end
  timeline.end();
  expect(timeline.nowNs()).toBe(1_980);
  timeline.begin(a); // a second entity with the same policy takes nothing more
  timeline.end();
  expect(timeline.nowNs()).toBe(real);
});
