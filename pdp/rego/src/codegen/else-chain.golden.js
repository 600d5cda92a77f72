'use strict';
const { U, admits, admitsKey, anyKeysOf, anyValuesOf, baseIndex, baseMember, compare, documentKeys, equals, force, getIndex, isCollection, isMember, isSet, keyOf, keysOf, lazyDocument, lookUp, mergeBase, newObject, newParts, newSet, probe, put, rulesFor, setPath, sizeOf, splitPart, stepInto, valuesOf, walk, walkBase } = rt;
const C = rt.context;
const b0 = rt.builtin("count");
const p0 = ["admin"];
const p1 = ["groups"];
const p2 = [];
const e3 = walkBase(rt.data, p2);
const p4 = ["app"];
const e5 = walkBase(rt.data, p4);
const sites = rt.sites(["rule data.app.level produced conflicting values","else-chain.rego","count","rule data.app.suspended produced conflicting values"], [0,1,3,1,13,110,0,1,5,3,44,100,2,1,7,2,75,94,0,1,8,3,101,110,3,1,10,1,112,152]);
let I, D, E = 0, S = 0;
const stop = () => { S = C.more(S); };
const conflict = (site) => { throw rt.conflict(sites.at(site)); };
const end = () => { I = D = undefined; C.forget(); };
let m0, E0 = 0;
let m1, E1 = 0;
function g0() {
  if (--S < 0) stop();
  let v;
  C0: {
    B0_0: {
      let x0 = I?.admin;
      if (x0 === undefined) x0 = walk(I, p0);
      if (x0 === undefined || x0 === false) break B0_0;
      v = 3;
      break C0;
    }
    B0_1: {
      let x1 = I?.groups;
      if (x1 === undefined) x1 = walk(I, p1);
      if (x1 === undefined) break B0_1;
      N0: {
        const x2 = d1();
        if (x2 === undefined || x2 === false) break N0;
        break B0_1;
      }
      let x3 = I?.groups;
      if (x3 === undefined) x3 = walk(I, p1);
      const l0 = x3;
      if (l0 === undefined) break B0_1;
      const x4 = Array.isArray(l0) ? l0.length : b0(C, l0);
      const l1 = x4;
      if (l1 === undefined) { C.at(2); break B0_1; }
      if (!(typeof l1 === 'number' && typeof 1 === 'number' ? l1 > 1 : compare(l1, 1) > 0)) break B0_1;
      v = 2;
      break C0;
    }
    B0_2: {
      v = 1;
      break C0;
    }
  }
  E0 = E; return m0 = v;
}
function d0() { return E0 === E ? m0 : g0(); }
function g1() {
  if (--S < 0) stop();
  let v;
  C0: {
    B0_0: {
      let x0 = I?.groups;
      if (x0 === undefined) x0 = walk(I, p1);
      const l0 = x0;
      if (l0 === undefined) break B0_0;
      if (!(isMember("suspended", l0))) break B0_0;
      E1 = E; return m1 = true;
    }
  }
  E1 = E; return m1 = v;
}
function d1() { return E1 === E ? m1 : g1(); }
function u0() {
  if (--S < 0) stop();
  const o = {};
  let v;
  put(o, "app", u1(), 0);
  return o;
}
function t0() { return mergeBase(rt.withoutSystem(e3), u0()); }
function u1() {
  if (--S < 0) stop();
  const o = {};
  let v;
  v = d0();
  if (v !== undefined) put(o, "level", v, 0);
  v = d1();
  if (v !== undefined) put(o, "suspended", v, 0);
  return o;
}
function t1() { return mergeBase(e5, u1()); }
function e_0() {
  const l0 = d0();
  if (l0 === undefined) return undefined;
  return l0;
}
function start_0(input, data, steps) {
  I = input; D = data; S = steps; E++;
  const v = e_0();
  end();
  return v;
}
const n1 = { extent: t1, children: new Map([["level", d0], ["suspended", d1]]) };
const n0 = { extent: t0, children: new Map([["app", n1]]) };
const entrypoints = new Map([["app/level", start_0]]);
return {
  sites,
  entrypoints,
  end,
  left() { return S; },
  spend(steps) { if ((S -= steps) < 0) stop(); },
};
