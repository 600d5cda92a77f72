'use strict';
const { U, admits, admitsKey, anyKeysOf, anyValuesOf, baseIndex, baseMember, compare, documentKeys, equals, force, getIndex, isCollection, isMember, isSet, keyOf, keysOf, lazyDocument, lookUp, mergeBase, newObject, newParts, newSet, probe, put, rulesFor, setPath, sizeOf, splitPart, stepInto, valuesOf, walk, walkBase } = rt;
const C = rt.context;
const b0 = rt.builtin("sprintf");
const p0 = ["containers"];
const k1 = ["cpu", "memory"];
const p2 = ["name"];
const k3 = {"cpu": 4, "memory": 8};
const J4 = rt.index(k3);
const p5 = ["owned"];
const p6 = ["owner"];
const p7 = [];
const e8 = walkBase(rt.data, p7);
const p9 = ["app"];
const e10 = walkBase(rt.data, p9);
const sites = rt.sites(["sprintf","violations.rego","function data.app.exceeds produced conflicting values for the same inputs","object keys must be unique"], [0,1,11,9,207,247,2,1,5,1,48,96,3,1,14,1,251,280]);
let I, D, E = 0, S = 0;
const stop = () => { S = C.more(S); };
const conflict = (site) => { throw rt.conflict(sites.at(site)); };
const end = () => { I = D = undefined; C.forget(); };
let m0, E0 = 0;
let m3, E3 = 0;
function g0() {
  if (--S < 0) stop();
  let v = newSet();
  C0: {
    B0_0: {
      let x0 = I?.containers;
      if (x0 === undefined) x0 = walk(I, p0);
      const a0 = anyValuesOf(x0);
      if ((S -= a0.length) < 0) stop();
      L0: for (let i0 = 0; i0 < a0.length; i0++) {
        const l0 = a0[i0];
        let x2 = l0?.name;
        if (x2 === undefined) x2 = walk(l0, p2);
        const a1 = anyValuesOf(k1);
        if ((S -= a1.length) < 0) stop();
        L1: for (let i1 = 0; i1 < a1.length; i1++) {
          const l2 = a1[i1];
          const x1 = g1(l0, l2);
          if (x1 === undefined || x1 === false) continue L1;
          const l4 = x2;
          if (l4 === undefined) continue L1;
          const x4 = "%s exceeds %s";
          const x5 = [l4, l2];
          const x3 = b0(C, x4, x5);
          const l5 = x3;
          if (l5 === undefined) { C.at(0); continue L1; }
          v.add(l5);
        }
        continue L0;
      }
      break B0_0;
    }
  }
  E0 = E; return m0 = v;
}
function d0() { return E0 === E ? m0 : g0(); }
function g1(l0, l1) {
  if (--S < 0) stop();
  let v;
  C0: {
    B0_0: {
      const l2 = getIndex(l0, l1);
      if (l2 === undefined) break B0_0;
      const l3 = (J4 !== undefined && typeof l1 === 'string' ? J4.get(l1) : getIndex(k3, l1));
      if (l3 === undefined) break B0_0;
      if (!(typeof l2 === 'number' && typeof l3 === 'number' ? l2 > l3 : compare(l2, l3) > 0)) break B0_0;
      return true;
    }
  }
  return v;
}
function d2() { return k3; }
function g3() {
  if (--S < 0) stop();
  let v = newParts();
  C0: {
    B0_0: {
      let x0 = I?.owned;
      if (x0 === undefined) x0 = walk(I, p5);
      const c0 = anyKeysOf(x0);
      const a0 = anyValuesOf(x0);
      if ((S -= a0.length) < 0) stop();
      L0: for (let i0 = 0; i0 < a0.length; i0++) {
        const l1 = c0 === undefined ? i0 : c0[i0];
        const l0 = a0[i0];
        let x1 = l0?.owner;
        if (x1 === undefined) x1 = walk(l0, p6);
        const l2 = x1;
        if (l2 === undefined) continue L0;
        v.add([l1], l2, 2);
      }
      break B0_0;
    }
  }
  E3 = E; return m3 = v.value();
}
function d3() { return E3 === E ? m3 : g3(); }
function u0() {
  if (--S < 0) stop();
  const o = {};
  let v;
  put(o, "app", u1(), 0);
  return o;
}
function t0() { return mergeBase(rt.withoutSystem(e8), u0()); }
function u1() {
  if (--S < 0) stop();
  const o = {};
  let v;
  v = d0();
  if (v !== undefined) put(o, "deny", v, 0);
  v = d2();
  if (v !== undefined) put(o, "limits", v, 0);
  v = d3();
  if (v !== undefined) put(o, "owners", v, 0);
  return o;
}
function t1() { return mergeBase(e10, u1()); }
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
const n1 = { extent: t1, children: new Map([["deny", d0], ["exceeds", () => undefined], ["limits", d2], ["owners", d3]]) };
const n0 = { extent: t0, children: new Map([["app", n1]]) };
const entrypoints = new Map([["app/deny", start_0]]);
return {
  sites,
  entrypoints,
  end,
  left() { return S; },
  spend(steps) { if ((S -= steps) < 0) stop(); },
};
