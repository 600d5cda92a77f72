//! Answers decisions with regorus, for `test/bench/peers`. Reads requests from standard input and writes one answer for
//! each, all of them one line of JSON:
//!
//! ```text
//! {"op":"load","source":MODULE,"rule":"data.p.r","data":{},"inputs":[],"form":FORM}  {"answers":[VALUE or null]}
//! {"op":"run","count":N}                                                             {"ns":TIME}
//! ```
//!
//! `form` is `interpreter` or `vm`. What fails is answered with `{"error":MESSAGE}`. `run` decides N times, over the inputs
//! in turn, and tells how long that took by the clock of this process: neither parsing nor talking to the caller is in it.

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine, Rc, Value};
use std::error::Error;
use std::hint::black_box;
use std::io::{stdin, stdout, BufRead, Write};
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;

enum Machine {
    Interpreter(Box<Engine>, String),
    Vm(Box<RegoVM>),
}

impl Machine {
    fn new(asked: &Value) -> Outcome<Self> {
        let rule = text(asked, "rule")?;
        let data = asked["data"].clone();
        let mut engine = Engine::new();
        engine.add_policy("policy.rego".to_string(), text(asked, "source")?)?;
        match text(asked, "form")?.as_str() {
            "interpreter" => {
                engine.add_data(data)?;
                Ok(Self::Interpreter(Box::new(engine), rule))
            }
            "vm" => {
                let name: Rc<str> = rule.as_str().into();
                let program = Compiler::compile_from_policy(&engine.compile_with_entrypoint(&name)?, &[&rule])?;
                let mut vm = RegoVM::new();
                vm.load_program(program);
                vm.set_data(data)?;
                vm.set_max_instructions(usize::MAX);
                Ok(Self::Vm(Box::new(vm)))
            }
            form => Err(format!("unknown form {form}").into()),
        }
    }

    fn answer(&mut self, input: &Value) -> Outcome<Value> {
        match self {
            Self::Interpreter(engine, rule) => {
                engine.set_input(input.clone());
                Ok(engine.eval_rule(rule.clone())?)
            }
            Self::Vm(vm) => {
                vm.set_input(input.clone());
                Ok(vm.execute_entry_point_by_index(0)?)
            }
        }
    }
}

struct Policy {
    machine: Machine,
    inputs: Vec<Value>,
}

fn main() -> Outcome<()> {
    let mut loaded = None;
    for line in stdin().lock().lines() {
        let answer = match handle(&mut loaded, &line?) {
            Ok(answer) => answer,
            Err(error) => format!("{{\"error\":{}}}", Value::from(error.to_string()).to_json_str()?),
        };
        writeln!(stdout(), "{}", answer.replace('\n', " "))?;
    }
    Ok(())
}

fn handle(loaded: &mut Option<Policy>, line: &str) -> Outcome<String> {
    let asked = Value::from_json_str(line)?;
    match text(&asked, "op")?.as_str() {
        "load" => {
            let policy = loaded.insert(Policy {
                machine: Machine::new(&asked)?,
                inputs: asked["inputs"].as_array()?.to_vec(),
            });
            let mut answers = Vec::new();
            for input in &policy.inputs {
                let value = policy.machine.answer(input)?;
                answers.push(if value == Value::Undefined { Value::Null } else { value });
            }
            Ok(format!("{{\"answers\":{}}}", Value::from(answers).to_json_str()?))
        }
        "run" => {
            let policy = loaded.as_mut().ok_or("nothing is loaded")?;
            let count = asked["count"].as_u64()?;
            let mut inputs = policy.inputs.iter().cycle();
            let start = Instant::now();
            for _ in 0..count {
                black_box(policy.machine.answer(inputs.next().ok_or("no inputs")?)?);
            }
            Ok(format!("{{\"ns\":{}}}", start.elapsed().as_nanos()))
        }
        op => Err(format!("unknown request {op}").into()),
    }
}

fn text(asked: &Value, field: &str) -> Outcome<String> {
    Ok(asked[field].as_string()?.to_string())
}
