import { readFileSync, existsSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { compile, instantiate } from '/work/main/pdp/rego/src/index.ts';
import { direct } from '/work/shared/bench/hand.mjs';
import { toJson } from '/work/main/pdp/rego/src/runtime/json.ts';
import { isDeepStrictEqual } from 'node:util';
const root='/work/shared/bench/policies/';
const only = process.argv[2];
let logs=0, cnt=0;
for (const p of ['a_rbac','b_envoy','c_manetu','d_k8s','e1_lookup','e2_scan','f_graph']) {
  if (only && p!==only) continue;
  const dir=root+p+'/';
  const data = JSON.parse(existsSync(dir+'data.json')?readFileSync(dir+'data.json','utf8'):gunzipSync(readFileSync(dir+'data.json.gz')).toString());
  const inputs=JSON.parse(readFileSync(dir+'inputs.json','utf8')), expected=JSON.parse(readFileSync(dir+'expected.json','utf8'));
  const entry=readFileSync(dir+'entry.txt','utf8').trim().replace(/^data\./,'').replaceAll('.','/');
  const r=compile([{name:'policy.rego',source:readFileSync(dir+'policy.rego','utf8')}],{entrypoints:[entry]});
  if(!r.ok){console.log(p,r.diagnostics);continue;}
  if (only && process.argv[3]==='code') { console.log(r.program.code); continue; }
  const inst=instantiate(r.program,{data});
  const h=direct[p](data);
  let wrong=0;
  inputs.forEach((i,k)=>{ const o=inst.evaluate(entry,i); const v=o.kind==='value'?toJson(o.value):o; if(!isDeepStrictEqual(v,expected[k])) { wrong++; if (wrong<2) console.log(p,k,JSON.stringify(v)?.slice(0,300),JSON.stringify(expected[k])?.slice(0,300)); } });
  const time=(f,n)=>{ let best=Infinity; for(let b=0;b<7;b++){ const t=process.hrtime.bigint(); for(let i=0;i<n;i++) f(inputs[i%inputs.length]); const d=Number(process.hrtime.bigint()-t)/n; if(d<best)best=d;} return best; };
  const slow = p==='e2_scan'? 40 : p==='f_graph'? 2000: 60000;
  const ev = i=>inst.evaluate(entry,i);
  time(ev, Math.min(slow,5000)); time(h, Math.min(slow,5000));
  const a=time(ev,slow), b=time(h,slow);
  logs+=Math.log(a/b); cnt++;
  console.log(p, 'wrong', wrong, 'ours', a.toFixed(0),'ns hand', b.toFixed(0),'ns ratio',(a/b).toFixed(2));
}
console.log('geomean', Math.exp(logs/cnt).toFixed(2));
