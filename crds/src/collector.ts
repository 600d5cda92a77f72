import { z } from 'zod';

/** Empty, or an http or https URL. */
export const HttpUrl = z.union(
  [z.literal(''), z.url({ protocol: /^https?$/, error: 'must be an http or https URL' })],
  {
    error: 'must be an http or https URL',
  },
);

/** The variables by which OpenTelemetry itself names a collector of traces, as every program of ours reads them. */
export const COLLECTOR_VARIABLES = {
  OTEL_EXPORTER_OTLP_ENDPOINT: HttpUrl.default('').meta({
    description: 'The same as OpenTelemetry has it: without /v1/traces. Nothing is traced while all three are empty.',
  }),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: HttpUrl.default('').meta({ description: 'The same for traces alone, in full.' }),
} as const;

/** Where traces go. */
export interface Collector {
  /** The collector's whole URL, such as `http://collector:4318/v1/traces`; undefined: as the standard variables say. */
  readonly url: string | undefined;
}

/** The collector that a program's own setting `url` names, or OpenTelemetry's; undefined where nobody names one. */
export function collectorOf(
  url: string,
  config: { readonly [K in keyof typeof COLLECTOR_VARIABLES]: string },
): Collector | undefined {
  if (url !== '') return { url };
  const isNamed = Object.keys(COLLECTOR_VARIABLES).some((name) => config[name as keyof typeof config] !== '');
  return isNamed ? { url: undefined } : undefined;
}
