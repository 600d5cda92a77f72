// Command opa answers decisions with OPA's Go library, for test/bench/peers. It reads requests from standard input and
// writes one answer for each, all of them one line of JSON:
//
//	{"op":"load","source":MODULE,"rule":"data.p.r","data":{},"inputs":[],"form":FORM}  {"answers":[VALUE or null]}
//	{"op":"run","count":N}                                                             {"ns":TIME}
//	{"op":"wasm","source":MODULE,"rule":"data.p.r"}                                    {"wasm":"BASE64"}
//
// What fails is answered with {"error":MESSAGE}. `run` decides N times, over the inputs in turn, and tells how long that
// took by the clock of this process: neither parsing nor talking to the caller is in it.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/util"
)

// Both forms are OPA's own: `plain` is how its library and server keep data by default, `ast` is what the server's
// --optimize-store-for-read-speed turns on.
const (
	formPlain = "plain"
	formAST   = "ast"
)

type request struct {
	Op     string         `json:"op"`
	Source string         `json:"source"`
	Rule   string         `json:"rule"`
	Form   string         `json:"form"`
	Data   map[string]any `json:"data"`
	Inputs []any          `json:"inputs"`
	Count  int            `json:"count"`
}

type policy struct {
	query  rego.PreparedEvalQuery
	inputs []ast.Value
}

func main() {
	reader := bufio.NewReaderSize(os.Stdin, 1<<20)
	writer := json.NewEncoder(os.Stdout)
	var loaded policy
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			fatal(err)
		}
		answer, err := handle(&loaded, line)
		if err != nil {
			answer = map[string]any{"error": err.Error()}
		}
		if err := writer.Encode(answer); err != nil {
			fatal(err)
		}
	}
}

func handle(loaded *policy, line []byte) (map[string]any, error) {
	var asked request
	if err := util.UnmarshalJSON(line, &asked); err != nil {
		return nil, err
	}
	ctx := context.Background()
	switch asked.Op {
	case "load":
		next, err := load(ctx, asked)
		if err != nil {
			return nil, err
		}
		*loaded = next
		answers, err := answerAll(ctx, next)
		return map[string]any{"answers": answers}, err
	case "run":
		ns, err := run(ctx, loaded, asked.Count)
		return map[string]any{"ns": ns}, err
	case "wasm":
		code, err := compileToWasm(ctx, asked)
		return map[string]any{"wasm": code}, err
	default:
		return nil, fmt.Errorf("unknown request %q", asked.Op)
	}
}

func load(ctx context.Context, asked request) (policy, error) {
	if asked.Form != formPlain && asked.Form != formAST {
		return policy{}, fmt.Errorf("unknown form %q", asked.Form)
	}
	store := inmem.NewFromObjectWithOpts(asked.Data, inmem.OptReturnASTValuesOnRead(asked.Form == formAST))
	query, err := rego.New(
		rego.Query(asked.Rule),
		rego.Module("policy.rego", asked.Source),
		rego.Store(store),
	).PrepareForEval(ctx)
	if err != nil {
		return policy{}, err
	}
	inputs := make([]ast.Value, 0, len(asked.Inputs))
	for _, input := range asked.Inputs {
		value, err := ast.InterfaceToValue(input)
		if err != nil {
			return policy{}, err
		}
		inputs = append(inputs, value)
	}
	if len(inputs) == 0 {
		return policy{}, errors.New("no inputs")
	}
	return policy{query: query, inputs: inputs}, nil
}

// answerAll gives the value for each input; nil where it is undefined.
func answerAll(ctx context.Context, loaded policy) ([]any, error) {
	answers := make([]any, 0, len(loaded.inputs))
	for _, input := range loaded.inputs {
		results, err := loaded.query.Eval(ctx, rego.EvalParsedInput(input), rego.EvalSortSets(true))
		if err != nil {
			return nil, err
		}
		if len(results) == 0 {
			answers = append(answers, nil)
		} else {
			answers = append(answers, results[0].Expressions[0].Value)
		}
	}
	return answers, nil
}

func run(ctx context.Context, loaded *policy, count int) (int64, error) {
	if len(loaded.inputs) == 0 {
		return 0, errors.New("nothing is loaded")
	}
	at := 0
	start := time.Now()
	for range count {
		if _, err := loaded.query.Eval(ctx, rego.EvalParsedInput(loaded.inputs[at])); err != nil {
			return 0, err
		}
		if at++; at == len(loaded.inputs) {
			at = 0
		}
	}
	return time.Since(start).Nanoseconds(), nil
}

// compileToWasm does what `opa build -t wasm` does, without its archive.
func compileToWasm(ctx context.Context, asked request) ([]byte, error) {
	module, err := ast.ParseModule("policy.rego", asked.Source)
	if err != nil {
		return nil, err
	}
	contents := bundle.Bundle{
		Manifest: bundle.Manifest{Roots: &[]string{""}},
		Data:     map[string]any{},
		Modules:  []bundle.ModuleFile{{URL: "/policy.rego", Path: "/policy.rego", Raw: []byte(asked.Source), Parsed: module}},
	}
	compiler := compile.New().
		WithBundle(&contents).
		WithRegoVersion(ast.RegoV1).
		WithTarget(compile.TargetWasm).
		WithEntrypoints(strings.ReplaceAll(strings.TrimPrefix(asked.Rule, "data."), ".", "/")).
		WithOutput(&bytes.Buffer{})
	if err := compiler.Build(ctx); err != nil {
		return nil, err
	}
	modules := compiler.Bundle().WasmModules
	if len(modules) != 1 {
		return nil, fmt.Errorf("%d WebAssembly modules, not one", len(modules))
	}
	return modules[0].Raw, nil
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
