//! Cases and their report: the Test Anything Protocol on stdout, in the order of `cases.txt`.
//! That file is the only list of the names; code that is missing in it, or missing for it, fails the whole run.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a case failed, in words. Made from anything that can be displayed, so that `?` takes every SRI error.
#[derive(Debug)]
pub struct Failure(pub String);

impl<E: Display> From<E> for Failure {
    fn from(reason: E) -> Self {
        Failure(reason.to_string())
    }
}

pub type Outcome<T = ()> = Result<T, Failure>;

/// Fails the case with a formatted reason unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($reason:tt)+) => {
        if !$condition {
            return Err($crate::tap::Failure(format!($($reason)+)));
        }
    };
}

pub struct Case<World> {
    name: &'static str,
    run: fn(&World) -> Outcome,
}

impl<World> Case<World> {
    pub fn new(name: &'static str, run: fn(&World) -> Outcome) -> Self {
        Self { name, run }
    }
}

/// Runs every case of `list` and says whether all of them passed.
pub fn run<World>(list: &'static str, cases: &[Case<World>], world: &World) -> bool {
    let names: Vec<&str> = list.lines().collect();
    let code = match code_by_name(&names, cases) {
        Ok(code) => code,
        Err(Failure(reason)) => {
            say(&format!("Bail out! {reason}"));
            return false;
        }
    };

    say(&format!("1..{}", names.len()));
    let mut all_passed = true;
    for (index, name) in names.iter().enumerate() {
        let number = index + 1;
        match run_one(code[name], world) {
            Ok(()) => say(&format!("ok {number} - {name}")),
            Err(Failure(reason)) => {
                all_passed = false;
                say(&format!("not ok {number} - {name}"));
                reason.lines().for_each(|line| say(&format!("# {line}")));
            }
        }
    }
    all_passed
}

type CodeByName<World> = BTreeMap<&'static str, fn(&World) -> Outcome>;

fn code_by_name<World>(names: &[&str], cases: &[Case<World>]) -> Outcome<CodeByName<World>> {
    let mut code = CodeByName::new();
    for case in cases {
        ensure!(
            names.contains(&case.name),
            "not in cases.txt: {}",
            case.name
        );
        ensure!(
            code.insert(case.name, case.run).is_none(),
            "two cases have the name: {}",
            case.name
        );
    }
    for (index, name) in names.iter().enumerate() {
        ensure!(
            code.contains_key(name),
            "cases.txt names what no code does: {name}"
        );
        ensure!(!names[..index].contains(name), "twice in cases.txt: {name}");
    }
    Ok(code)
}

/// A panic (SRI's or ours) is this case's failure, not the end of the run.
fn run_one<World>(case: fn(&World) -> Outcome, world: &World) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| case(world))).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(|text| text.to_string());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Failure(format!("panicked: {}", said.unwrap_or_default())))
    })
}

fn say(line: &str) {
    println!("{line}");
    let _ = io::stdout().flush();
}
