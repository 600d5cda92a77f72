import type { DecisionCore } from '../../core/session.ts';
import type { Reply } from '../reply.ts';
import type { Route } from '../route.ts';
import { opaError } from './opa-reply.ts';

const DATA_METHODS = 'GET, POST';

/** What OPA offers and a PDP does not: each is answered with the reason, in OPA's form. */
export function refusedRoutes(core: DecisionCore): readonly Route[] {
  const refuse = (make: () => Reply) => (): Reply => {
    core.invalid('opa');
    return make();
  };
  const readOnly = (what: string, allow: string) =>
    refuse(() =>
      opaError(405, 'invalid_operation', `${what} cannot be changed here: they come from PolicyDomains`, { allow }),
    );
  const onlyPost = refuse(() => opaError(405, 'invalid_operation', 'only POST is answered here', { allow: 'POST' }));
  const missing = (message: string) => refuse(() => opaError(501, 'not_implemented', message));

  const data = readOnly('documents', DATA_METHODS);
  const policies = readOnly('policies', '');
  const unlisted = missing('policies are not listed here: read the PolicyDomains of the set');
  const noQueries = missing('ad-hoc queries are not answered: ask a rule of the documents by its path');
  const noPartials = missing('partial evaluation is not offered: ask a rule of the documents by its path');
  const noConfig = missing('the configuration is not told here: read the PolicySet');
  return [
    { method: '*', path: '/v1/data', handle: data },
    { method: '*', path: '/v1/data/', prefix: true, handle: data },
    { method: '*', path: '/v0/data', handle: onlyPost },
    { method: '*', path: '/v0/data/', prefix: true, handle: onlyPost },
    { method: 'GET', path: '/v1/policies', handle: unlisted },
    { method: 'GET', path: '/v1/policies/', prefix: true, handle: unlisted },
    { method: '*', path: '/v1/policies', handle: policies },
    { method: '*', path: '/v1/policies/', prefix: true, handle: policies },
    { method: '*', path: '/v1/query', handle: noQueries },
    { method: '*', path: '/v1/compile', handle: noPartials },
    { method: '*', path: '/v1/compile/', prefix: true, handle: noPartials },
    { method: 'GET', path: '/v1/config', handle: noConfig },
    { method: '*', path: '/v1/config', handle: readOnly('settings', '') },
  ];
}
