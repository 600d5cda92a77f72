import { z } from 'zod';

/** Sites that one set may have. */
export const SITES_MAX = 64;

/** Which other sites have the set, and whether a commit waits for them. */
export const FederationSpec = z
  .object({
    sites: z
      .array(
        z
          .string()
          .max(63)
          .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
      )
      .min(1)
      .max(SITES_MAX)
      .meta({
        description: 'Names of the sites whose relays get the set.',
        'x-kubernetes-list-type': 'set',
      }),
    mode: z.enum(['Independent', 'Barrier']).default('Independent').meta({
      description:
        'Independent: each site commits what is decided here once its own PDPs have prepared. Barrier: nothing is decided here before every site has prepared.',
    }),
    maxLaggardSites: z.int().min(0).max(SITES_MAX).default(0).meta({
      description: 'Barrier: sites that may be left behind at the deadline of the rollout.',
    }),
  })
  .meta({ description: 'Other sites that have the set through a relay.' });
export type FederationSpec = z.output<typeof FederationSpec>;

/** One site in the status of a set. */
export const SiteStatus = z.object({
  name: z.string().meta({ description: 'The site.' }),
  connected: z.boolean().meta({ description: 'Its relay has a stream.' }),
  revision: z.int().min(0).meta({ description: 'What all of its PDPs serve, or something newer; 0 for nothing.' }),
  prepared: z.boolean().meta({ description: 'All of its PDPs have prepared, or serve, the newest revision.' }),
  pdpsActive: z.string().optional().meta({ description: 'Serving PDPs of those required, as its relay tells.' }),
});
export type SiteStatus = z.output<typeof SiteStatus>;
