/** How `http.send` and `net.lookup_ip_addr` reach the network: only through a port that the host gives; no part of the public API. */
export { DEFAULT_NETWORK_LIMITS, isNetworkBuiltin, NETWORK_BUILTINS } from './port.ts';
export type {
  HttpAnswer,
  HttpCaching,
  HttpRequest,
  HttpResponse,
  HttpTls,
  LookupAnswer,
  LookupRequest,
  NetworkAccess,
  NetworkBuiltin,
  NetworkFailure,
  NetworkLimits,
  NetworkPort,
  RequestBounds,
  TextSource,
} from './port.ts';
export { evaluateWithNetwork, NetworkSession, programUsesNetwork, withNetwork } from './session.ts';
