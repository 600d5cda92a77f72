import { describeEnvironment, readEnvironment, type Variables } from '@edict/crds';
import { z } from 'zod';

const Port = z.coerce.number().int().min(0).max(65_535);

/** Every variable that the conversion webhook reads, with its default; `--help` prints this table. */
const Environment = z.object({
  EDICT_CONVERSION_CERTIFICATE_DIR: z
    .string()
    .min(1)
    .meta({ description: 'Folder with tls.crt and tls.key; read again as they change. Required.' }),
  EDICT_CONVERSION_LISTEN_HOST: z.string().default('::').meta({ description: 'Address to listen on.' }),
  EDICT_CONVERSION_PORT: Port.default(9443).meta({ description: 'The webhook (HTTPS).' }),
  EDICT_CONVERSION_HTTP_PORT: Port.default(8080).meta({ description: 'Health and metrics.' }),
  EDICT_CONVERSION_DRAIN_MS: z.coerce
    .number()
    .int()
    .min(0)
    .max(60_000)
    .default(5000)
    .meta({ description: 'How long it serves on once it is asked to stop, until everybody knows.' }),
  EDICT_CONVERSION_LOG_LEVEL: z
    .enum(['error', 'warn', 'info', 'debug'])
    .default('info')
    .meta({ description: 'Log level.' }),
});

/** The parsed environment. */
export type ConversionConfig = z.output<typeof Environment>;

/**
 * Reads the configuration. A variable that is empty counts as not set.
 * @throws ConfigError
 */
export function loadConversionConfig(env: Variables): ConversionConfig {
  return readEnvironment(Environment, env);
}

/** The table that `--help` prints. */
export function describeConversion(): string {
  return describeEnvironment(Environment);
}
