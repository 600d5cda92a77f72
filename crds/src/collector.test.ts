import { expect, test } from '@jest/globals';
import { collectorOf, HttpUrl } from './collector.ts';

const NONE = { OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: '' };

test('there is no collector unless one is named', () => {
  expect(collectorOf('', NONE)).toBeUndefined();
});

test("our own setting goes before OpenTelemetry's, which the exporter reads itself", () => {
  const [all, own] = ['http://all:4318', 'http://own:4318/v1/traces'];
  expect(collectorOf('http://ours/v1/traces', { ...NONE, OTEL_EXPORTER_OTLP_ENDPOINT: all })).toEqual({
    url: 'http://ours/v1/traces',
  });
  expect(collectorOf('', { ...NONE, OTEL_EXPORTER_OTLP_ENDPOINT: all })).toEqual({ url: undefined });
  expect(collectorOf('', { ...NONE, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own })).toEqual({ url: undefined });
});

test('a collector is an http or https URL', () => {
  expect(['', 'http://a', 'https://a:4318/v1/traces'].map((url) => HttpUrl.safeParse(url).success)).toEqual([
    ...[true, true, true],
  ]);
  for (const url of ['a', 'ftp://a', 'http://']) {
    expect(HttpUrl.safeParse(url).error?.issues[0]?.message).toBe('must be an http or https URL');
  }
});
