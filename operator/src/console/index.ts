export { performAction } from './actions/perform-action.ts';
export { createLocalAccess } from './access/local-access.ts';
export { ProblemError, problemOf, PROBLEMS, type ProblemCode } from './http/problem.ts';
export { readAction, readActionBody } from './http/request.ts';
export { startConsoleServer, type ConsoleServer, type ConsoleServerOptions, type PageFile } from './server.ts';
export { sightOf, sourceOf, type ConsoleSource } from './source.ts';
export { loadPageFiles } from '../../console/page-files.ts';
