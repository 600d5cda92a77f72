import { describe, expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { SeriesCounter } from './series-counter.ts';

function made(): { readonly registry: Registry; readonly counter: SeriesCounter<'set' | 'outcome'> } {
  const registry = new Registry();
  const counter = new SeriesCounter({
    name: 'decisions_total',
    help: 'Decisions.',
    labelNames: ['set', 'outcome'],
    registers: [registry],
  });
  return { registry, counter };
}

async function linesOf(registry: Registry): Promise<readonly string[]> {
  return (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('a counter with series', () => {
  test('shows a series before its first count, and all that was counted since', async () => {
    const { registry, counter } = made();
    const permits = counter.series('shop/front', 'permit');
    expect(await linesOf(registry)).toEqual(['decisions_total{set="shop/front",outcome="permit"} 0']);
    permits.inc();
    permits.inc(3);
    expect(await linesOf(registry)).toEqual(['decisions_total{set="shop/front",outcome="permit"} 4']);
    permits.inc();
    expect(await linesOf(registry)).toEqual(['decisions_total{set="shop/front",outcome="permit"} 5']);
    expect(await linesOf(registry)).toEqual(['decisions_total{set="shop/front",outcome="permit"} 5']);
  });

  test('has one series for the same label values', async () => {
    const { registry, counter } = made();
    counter.series('a', 'permit').inc();
    counter.series('a', 'permit').inc();
    counter.series('a', 'deny').inc();
    expect(await linesOf(registry)).toEqual([
      'decisions_total{set="a",outcome="permit"} 2',
      'decisions_total{set="a",outcome="deny"} 1',
    ]);
  });

  test('tells the series apart whose values are the same when they are joined', async () => {
    const { registry, counter } = made();
    counter.series('a","b', 'c').inc();
    counter.series('a', 'b","c').inc(2);
    expect((await linesOf(registry)).map((line) => line.split(' ').at(-1))).toEqual(['1', '2']);
  });

  test('forgets all series of a value, and begins anew when it comes again', async () => {
    const { registry, counter } = made();
    const old = counter.series('a', 'permit');
    counter.series('a', 'deny').inc(2);
    counter.series('b', 'permit').inc(7);
    old.inc();
    await linesOf(registry);
    counter.forget('set', 'a');
    old.inc();
    expect(await linesOf(registry)).toEqual(['decisions_total{set="b",outcome="permit"} 7']);
    counter.series('a', 'permit').inc();
    expect(await linesOf(registry)).toEqual([
      'decisions_total{set="b",outcome="permit"} 7',
      'decisions_total{set="a",outcome="permit"} 1',
    ]);
  });

  test('is added up over processes as any counter is', async () => {
    const { registry, counter } = made();
    counter.series('a', 'permit').inc(2);
    const exported = await registry.getMetricsAsJSON();
    expect(exported).toMatchObject([
      { type: 'counter', aggregator: 'sum', values: [{ labels: { set: 'a', outcome: 'permit' }, value: 2 }] },
    ]);
  });
});
