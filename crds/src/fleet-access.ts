import { z } from 'zod';
import { FileSource, ObjectName } from './file-source.ts';
import { withRules } from './rules.ts';

/** Ways in which callers of a PDP prove who they are. */
export const FLEET_AUTHENTICATION_MODES = ['None', 'Certificate', 'Bearer', 'CertificateOrBearer'] as const;

/** Which requests are traced, as OpenTelemetry names it. */
export const FLEET_TRACE_SAMPLERS = [
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
  'always_on',
  'always_off',
  'traceidratio',
] as const;

const TAKES_TOKENS: readonly string[] = ['Bearer', 'CertificateOrBearer'];

/** An entry of a list whose entries commas separate in the end. */
const Entry = z
  .string()
  .max(512)
  .regex(/^[^,\s]([^,]*[^,\s])?$/);

const entries = (maxItems: number, description: string) =>
  z.array(Entry).min(1).max(maxItems).meta({ description, 'x-kubernetes-list-type': 'atomic' });

/** TLS on the ports of decisions. */
export const FleetTls = z.object({
  secretName: ObjectName.meta({
    description:
      'Secret of type kubernetes.io/tls in this namespace: tls.crt is the certificate chain, tls.key its private key. A new content is taken without a restart.',
  }),
  clientCa: FileSource('ca.crt').optional().meta({
    description:
      'PEM of the authorities that sign the certificates of clients. Without it clients are not asked for one.',
  }),
});

const Bearer = withRules(
  z.object({
    jwksUrl: z
      .string()
      .max(2048)
      .regex(/^https?:\/\/[^\s/]+[^\s]*$/)
      .optional()
      .meta({ description: 'URL of the keys that tokens are signed with (JWKS).' }),
    jwksFrom: FileSource('jwks.json').optional().meta({
      description: 'The same keys from a Secret or a ConfigMap, read again every 5 minutes.',
    }),
    jwksCaFrom: FileSource('ca.crt').optional().meta({
      description: 'PEM of the authorities of jwksUrl, in place of those of the system.',
    }),
    issuer: z.string().min(1).max(1024).meta({ description: 'The iss that tokens must have.' }),
    audiences: entries(32, 'Of these, tokens must have one in aud.'),
  }),
  [
    {
      cel: 'has(self.jwksUrl) != has(self.jwksFrom)',
      at: 'jwksUrl',
      message: 'say where the keys are: jwksUrl or jwksFrom, one of both',
      breaks: ({ jwksUrl, jwksFrom }) => (jwksUrl === undefined) === (jwksFrom === undefined),
    },
    {
      cel: "!has(self.jwksCaFrom) || (has(self.jwksUrl) && self.jwksUrl.startsWith('https:'))",
      at: 'jwksCaFrom',
      message: 'jwksCaFrom checks the certificate of an https jwksUrl, and there is none',
      breaks: ({ jwksCaFrom, jwksUrl }) => jwksCaFrom !== undefined && jwksUrl?.startsWith('https:') !== true,
    },
  ],
);

/** Who may ask for decisions. */
export const FleetAuthentication = withRules(
  z.object({
    mode: z.enum(FLEET_AUTHENTICATION_MODES).meta({
      description:
        'None: nobody is asked. Certificate: a client certificate that tls.clientCa signed. Bearer: a token. CertificateOrBearer: either.',
    }),
    callers: entries(
      256,
      'Names of certificates and subjects of tokens that are let in, also with * at the end; default: all who are proved.',
    ).optional(),
    bearer: Bearer.optional().meta({ description: 'Which tokens (JWT) are taken.' }),
  }),
  [
    {
      cel: "!(self.mode in ['Bearer', 'CertificateOrBearer']) || has(self.bearer)",
      at: 'bearer',
      message: 'modes Bearer and CertificateOrBearer need bearer: which tokens are taken',
      breaks: ({ mode, bearer }) => TAKES_TOKENS.includes(mode) && bearer === undefined,
    },
    {
      cel: "self.mode in ['Bearer', 'CertificateOrBearer'] || !has(self.bearer)",
      at: 'bearer',
      message: 'tokens are taken only in modes Bearer and CertificateOrBearer',
      breaks: ({ mode, bearer }) => !TAKES_TOKENS.includes(mode) && bearer !== undefined,
    },
    {
      cel: "self.mode != 'None' || !has(self.callers)",
      at: 'callers',
      message: 'callers keeps nobody out with mode None',
      breaks: ({ mode, callers }) => mode === 'None' && callers !== undefined,
    },
  ],
);

/** What AuthZEN clients are told of a fleet, and what its pods share. */
export const FleetAuthZen = withRules(
  z.object({
    publicUrl: z
      .string()
      .max(2048)
      .regex(/^https:\/\/[^\s/?#]+[^\s?#]*$/)
      .optional()
      .meta({
        description: 'The https URL that clients know the fleet by, in its metadata; default: the Host that they name.',
      }),
    pageTokenKeyFrom: FileSource('page-token.key').optional().meta({
      description:
        'At least 32 random bytes that page tokens of searches are signed with. Without it they are signed with a key made of the policy.',
    }),
    signingKeyFrom: FileSource('signing.pem').optional().meta({
      description:
        'Private key (PKCS #8 PEM: EC P-256 to P-521, Ed25519, RSA) that signs the metadata (signed_metadata).',
    }),
  }),
  [
    {
      cel: '!has(self.signingKeyFrom) || has(self.publicUrl)',
      at: 'signingKeyFrom',
      message: 'signingKeyFrom signs the metadata of publicUrl, and there is none',
      breaks: ({ signingKeyFrom, publicUrl }) => signingKeyFrom !== undefined && publicUrl === undefined,
    },
  ],
);
