//! Cases and their report: the Test Anything Protocol on stdout, in the order of `cases.txt`.
//! That file is the only list of the names; code that is missing in it, or missing for it, fails the whole run.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

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

/// Cases wait most of their time: for a program to start, for a disk, for a deadline.
const AT_ONCE: usize = 6;

/// Runs every case of `list`, some at a time, and says whether all of them passed.
pub fn run<World: Sync>(list: &'static str, cases: &[Case<World>], world: &World) -> bool {
    let names: Vec<&str> = list.lines().collect();
    let code = match code_by_name(&names, cases) {
        Ok(code) => code,
        Err(Failure(reason)) => {
            say(&format!("Bail out! {reason}"));
            return false;
        }
    };

    say(&format!("1..{}", names.len()));
    let next = AtomicUsize::new(0);
    let (sender, outcomes) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            let sender = sender.clone();
            scope.spawn(|| {
                let sender = sender; // gone with this thread
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if sender.send((*name, run_one(code[name], world))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        report_in_order(&names, outcomes)
    })
}

fn report_in_order(names: &[&str], outcomes: mpsc::Receiver<(&str, Outcome)>) -> bool {
    let mut all_passed = true;
    let mut known = BTreeMap::new();
    let mut due = names.iter().enumerate().peekable();
    for (name, outcome) in outcomes {
        known.insert(name, outcome);
        while let Some(outcome) = due.peek().and_then(|(_, name)| known.remove(**name)) {
            let Some((index, name)) = due.next() else {
                break;
            };
            let number = index + 1;
            match outcome {
                Ok(()) => say(&format!("ok {number} - {name}")),
                Err(Failure(reason)) => {
                    all_passed = false;
                    say(&format!("not ok {number} - {name}"));
                    reason.lines().for_each(|line| say(&format!("# {line}")));
                }
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
