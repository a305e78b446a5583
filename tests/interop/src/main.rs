//! Interoperability with the Stratum V2 Reference Implementation: the published SRI crates on one end, storage-sv2 or
//! its C++ client on the other, each a process of its own. Usually started by `run.py`, which builds it.
//!
//! `ROLE` and `CPP_INITIATOR` in the environment name the two programs of ours, `DOCUMENT` that of the extension;
//! `BACKENDS` those of the role, with commas, and `DATABASE_URL` a private PostgreSQL server, if postgres is one of them.
//! `--bench` measures SRI instead.

mod bench;
mod cases;
mod client;
mod extension;
mod messages;
mod program;
mod role;
mod scratch;
mod sri;
mod tap;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The two programs under test, and the document they follow.
pub struct Programs {
    pub role: PathBuf,
    pub cpp_initiator: PathBuf,
    pub document: PathBuf,
    pub backends: Vec<String>,
    database_url: Option<String>,
    schemas: AtomicUsize,
}

impl Programs {
    /// A database of its own for each role, as far as a role can tell.
    pub fn new_schema(&self) -> tap::Outcome<String> {
        let url = self
            .database_url
            .as_ref()
            .ok_or("DATABASE_URL is not set")?;
        let number = self.schemas.fetch_add(1, Ordering::Relaxed);
        Ok(format!("{url}?options=-csearch_path%3Dinterop_{number}"))
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run_cases(),
        ["--bench"] => report(bench::run()),
        _ => report(Err(tap::Failure(
            "usage: storage-sv2-interop [--bench]".to_owned(),
        ))),
    }
}

fn run_cases() -> ExitCode {
    let (Some(role), Some(cpp_initiator), Some(document), Ok(backends)) = (
        file_named_by("ROLE"),
        file_named_by("CPP_INITIATOR"),
        file_named_by("DOCUMENT"),
        std::env::var("BACKENDS"),
    ) else {
        return report(Err(tap::Failure(
            "ROLE, CPP_INITIATOR and DOCUMENT must name files, and BACKENDS backends".to_owned(),
        )));
    };
    let programs = Programs {
        role,
        cpp_initiator,
        document,
        backends: backends.split(',').map(str::to_owned).collect(),
        database_url: std::env::var("DATABASE_URL").ok(),
        schemas: AtomicUsize::new(0),
    };
    match tap::run(include_str!("../cases.txt"), &cases::all(), &programs) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// An absolute path, because the programs are started in folders of their own.
fn file_named_by(variable: &str) -> Option<PathBuf> {
    std::path::absolute(std::env::var_os(variable)?).ok()
}

fn report(outcome: tap::Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(tap::Failure(reason)) => {
            eprintln!("{reason}");
            ExitCode::from(2)
        }
    }
}
