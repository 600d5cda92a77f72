import { compile, instantiate } from './src/index.ts';
import { stringify } from './src/runtime/json.ts';
const r = compile([{name:'a',source:process.argv[2].replaceAll('\\n','\n')}],{entrypoints:['a/p']});
if(!r.ok) console.log(r.diagnostics); else { if(process.argv[3]==='c') console.log(r.program.code); const o=instantiate(r.program).evaluate('a/p',{}); console.log(o.kind==='value'?stringify(o.value):o); }
