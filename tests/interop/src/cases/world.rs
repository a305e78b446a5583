//! Where the cases of the storage extension happen: on each backend, and once as a pool and once as a job declarator
//! server, with one cast of clients.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use binary_sv2::{B064KOwned, Seq064KOwned, Str0255Owned, Sv2OptionOwned};
use common_messages_sv2::Protocol;

use crate::Programs;
use crate::client::{Claim, Introduced, Key, Session, Verdicts, sha256};
use crate::ensure;
use crate::extension::{
    AccountingDeleted, BatchAcknowledgment, Block, BlockFoundOutcome, BlockStatus, DeclaredJob,
    GetTotals, LOCAL, RejectCount, Share, ShareAccounting, Solution, Struct, Totals, VOLATILE,
};
use crate::messages::text;
use crate::role::{Role, Settings};
use crate::tap::{Failure, Outcome};

/// The role's clients, each with its pool (empty: the default) and what it may.
const CAST: [(&str, &str, &[&str]); 8] = [
    (
        POOL,
        "north",
        &["share.write", "block.write", "job.write", "query.own"],
    ),
    (
        PARTNER,
        "north",
        &["share.write", "block.write", "query.own"],
    ),
    (SHARES_ONLY, "north", &["share.write"]),
    (BLOCKS_ONLY, "north", &["block.write"]),
    (DECLARATOR, "north", &["job.write", "query.own"]),
    (STRANGER, "", &["share.write", "query.own"]),
    (AUDITOR, "", &["query.all"]),
    (OPERATOR, "", &["share.write", "query.all", "admin"]),
];

pub const POOL: &str = "pool-a";
/// Writes for the same pool.
pub const PARTNER: &str = "pool-b";
pub const SHARES_ONLY: &str = "shares-only";
pub const BLOCKS_ONLY: &str = "blocks-only";
pub const DECLARATOR: &str = "declarator";
/// Has a pool of its own.
pub const STRANGER: &str = "stranger";
pub const AUDITOR: &str = "auditor";
/// May have records removed.
pub const OPERATOR: &str = "operator";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backend {
    Memory,
    Sqlite,
    Rocksdb,
    Lmdb,
    Postgres,
}

impl Backend {
    pub const ALL: [Backend; 5] = [
        Backend::Memory,
        Backend::Sqlite,
        Backend::Rocksdb,
        Backend::Lmdb,
        Backend::Postgres,
    ];
    /// Those that hold, after the role was started again, what they held before.
    pub const KEEPING: [Backend; 4] = [
        Backend::Sqlite,
        Backend::Rocksdb,
        Backend::Lmdb,
        Backend::Postgres,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Backend::Memory => "memory",
            Backend::Sqlite => "sqlite",
            Backend::Rocksdb => "rocksdb",
            Backend::Lmdb => "lmdb",
            Backend::Postgres => "postgres",
        }
    }

    pub fn keeps(self) -> bool {
        self != Backend::Memory
    }

    pub fn durability(self) -> u8 {
        if self.keeps() { LOCAL } else { VOLATILE }
    }
}

pub struct World<'a> {
    pub role: &'a mut Role,
    pub backend: Backend,
    pub protocol: Protocol,
    pub keys: BTreeMap<&'static str, Key>,
}

/// The case holds in each world.
pub fn everywhere(programs: &Programs, case: impl Fn(&mut World) -> Outcome) -> Outcome {
    on(programs, &Backend::ALL, case)
}

pub fn on(
    programs: &Programs,
    backends: &[Backend],
    case: impl Fn(&mut World) -> Outcome,
) -> Outcome {
    for &backend in backends {
        if !programs.backends.iter().any(|name| name == backend.name()) {
            continue;
        }
        for protocol in [Protocol::MiningProtocol, Protocol::JobDeclarationProtocol] {
            let keys: BTreeMap<_, _> = CAST
                .iter()
                .map(|(name, ..)| (*name, Key::random()))
                .collect();
            let prepare = |folder: &Path| -> Outcome<Settings> {
                let clients = folder.join("clients.toml");
                fs::write(&clients, clients_toml(&keys))?;
                let mut arguments: Vec<OsString> = vec![
                    "--backend".into(),
                    backend.name().into(),
                    "--clients".into(),
                    clients.into(),
                ];
                let mut database_url = None;
                if backend == Backend::Postgres {
                    database_url = Some(programs.new_schema()?);
                } else {
                    arguments.extend(["--database-path".into(), database(folder).into()]);
                }
                Ok(Settings {
                    arguments,
                    database_url,
                })
            };
            Role::serve_with(&programs.role, prepare, |role| {
                case(&mut World {
                    role,
                    backend,
                    protocol,
                    keys: keys.clone(),
                })
            })
            .map_err(|Failure(reason)| format!("{}, {protocol:?}: {reason}", backend.name()))?;
        }
    }
    Ok(())
}

fn clients_toml(keys: &BTreeMap<&str, Key>) -> String {
    CAST.iter()
        .map(|(identity, pool, allow)| {
            let pool = match *pool {
                "" => String::new(),
                pool => format!("pool = \"{pool}\"\n"),
            };
            let key = keys[identity].public;
            format!(
                "[[client]]\nidentity = \"{identity}\"\n{pool}public_key = \"{key}\"\nallow = {allow:?}\n\n"
            )
        })
        .collect()
}

fn database(folder: &Path) -> PathBuf {
    folder.join("records.db")
}

impl World<'_> {
    pub fn introduced(&self) -> Outcome<Introduced> {
        Introduced::to(self.role, self.protocol)
    }

    pub fn open(&self, who: &str, claim: Claim) -> Outcome<Session> {
        self.introduced()?.authenticate(&self.keys[who], claim)
    }

    pub fn refused(&self, who: &str, claim: Claim, code: &str) -> Outcome {
        self.introduced()?.refused(&self.keys[who], claim, code)
    }

    pub fn database(&self) -> PathBuf {
        database(self.role.folder())
    }
}

impl Session {
    /// What all records of the client's own pool add up to.
    pub fn totals(&mut self) -> Outcome<Totals> {
        Totals::read(self.ask(totals_of(""))?.totals.as_bytes())
    }
}

pub fn totals_of(pool: &str) -> GetTotals {
    GetTotals {
        request_id: 0,
        pool: text(pool),
        start: bound(None),
        end: bound(None),
    }
}

pub fn nothing() -> Totals {
    Totals {
        shares_accepted: 0,
        shares_rejected: 0,
        shares_duplicate: 0,
        shares_above_target: 0,
        share_work_sum_low: 0,
        share_work_sum_high: 0,
        expected_hashes_low: 0,
        expected_hashes_high: 0,
        blocks_found: 0,
        best_difficulty: 0,
        last_sequence_number: 0,
        first_share_timestamp: bound(None),
        last_share_timestamp: bound(None),
    }
}

pub fn bound(time: Option<u64>) -> Sv2OptionOwned<u64> {
    Sv2OptionOwned::new(time)
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("the clock is right").as_millis() as u64
}

pub fn string(text: &Str0255Owned) -> String {
    text.as_utf8_or_hex()
}

pub const HOUR: u64 = 3_600_000;

/// An accepted share like no other: its hash is made of `number`.
pub fn share(channel_id: &str, number: u32) -> Share {
    Share {
        kind: 1,
        channel_id: text(channel_id),
        sequence_number: number,
        share_hash: hash_of(number).into(),
        target: [0; 32].into(),
        share_work: 1000,
        difficulty: 1.0_f64.to_bits(),
        timestamp: now(),
        accepted: 1,
        outcome: 1,
        outcome_data: Vec::new().try_into().expect("no bytes fit"),
        user_identity: text("account.worker"),
        label: text(""),
    }
}

pub fn rejected(channel_id: &str, number: u32) -> Share {
    Share {
        accepted: 0,
        outcome: 0,
        ..share(channel_id, number)
    }
}

/// An accepted share that found the block with this number.
pub fn finder(channel_id: &str, number: u32) -> Outcome<Share> {
    let found = BlockFoundOutcome {
        template_id: bound(Some(77)),
        coinbase: vec![2, 0, 0, 0].try_into()?,
    };
    Ok(Share {
        outcome: 3,
        outcome_data: found.write().try_into()?,
        ..share(channel_id, number)
    })
}

pub fn block(channel_id: &str, number: u32) -> Block {
    Block {
        kind: 3,
        channel_id: text(channel_id),
        share_hash: hash_of(number).into(),
        template_id: bound(Some(77)),
        coinbase: vec![2, 0, 0, 0].try_into().expect("four bytes fit"),
        difficulty: 2536.5_f64.to_bits(),
        timestamp: now(),
        label: text("a block"),
    }
}

pub fn batch(channel_id: &str) -> BatchAcknowledgment {
    BatchAcknowledgment {
        kind: 5,
        channel_id: text(channel_id),
        last_sequence_number: 41,
        new_submits_accepted_count: 20,
        new_shares_sum: 20480,
        timestamp: now(),
        label: text("a batch"),
    }
}

/// What the pool says to have counted: nothing yet.
pub fn report(channel_id: &str) -> ShareAccounting {
    ShareAccounting {
        kind: 2,
        channel_id: text(channel_id),
        last_share_sequence_number: 0,
        shares_accepted: 0,
        share_work_sum: 0,
        best_difficulty: 0.0_f64.to_bits(),
        blocks_found: 0,
        rejects: rejects(&[]),
        timestamp: now(),
        label: text("a report"),
    }
}

pub fn rejects(counts: &[(&str, u64)]) -> Seq064KOwned<B064KOwned> {
    let counts = counts.iter().map(|(error_code, count)| {
        let reject = RejectCount {
            error_code: text(error_code),
            count: *count,
        };
        reject.write().try_into().expect("at most 264 bytes")
    });
    Seq064KOwned::new(counts.collect()).expect("at most 65535 elements")
}

/// The hash is that of the block with this number.
pub fn status(number: u32, status: u8) -> BlockStatus {
    BlockStatus {
        kind: 4,
        share_hash: hash_of(number).into(),
        status,
        timestamp: now(),
        label: text("a status"),
    }
}

/// An accepted job, named by its number.
pub fn job(number: u32) -> DeclaredJob {
    let bytes = |byte: u8| vec![byte; 40].try_into().expect("40 bytes fit");
    let token = |number: u32| number.to_le_bytes().to_vec().try_into();
    DeclaredJob {
        kind: 6,
        mining_job_token: token(number).expect("four bytes fit"),
        new_mining_job_token: token(number | 1 << 31).expect("four bytes fit"),
        user_identity: text("account.worker"),
        accepted: 1,
        error_code: text(""),
        version: 0x2000_0000,
        coinbase_tx_prefix: bytes(1),
        coinbase_tx_suffix: bytes(2),
        wtxid_list: Seq064KOwned::new(vec![hash_of(number).into(); 3]).expect("three fit"),
        excess_data: Vec::new().try_into().expect("no bytes fit"),
        timestamp: now(),
        label: text("a job"),
    }
}

pub fn refused_job(number: u32) -> DeclaredJob {
    DeclaredJob {
        new_mining_job_token: Vec::new().try_into().expect("no bytes fit"),
        accepted: 0,
        error_code: text("invalid-mining-job-token"),
        ..job(number)
    }
}

/// Of the accepted job with this number, for the block with this number.
pub fn solution(number: u32) -> Solution {
    Solution {
        kind: 7,
        mining_job_token: job(number).new_mining_job_token,
        share_hash: hash_of(number).into(),
        extranonce: vec![7; 32].try_into().expect("32 bytes fit"),
        prev_hash: hash_of(number - 1).into(),
        nonce: number,
        ntime: 1_767_225_600,
        nbits: 0x1d00_ffff,
        version: 0x2000_0000,
        timestamp: now(),
        label: text("a solution"),
    }
}

pub fn deletion(channel_id: &str) -> AccountingDeleted {
    AccountingDeleted {
        kind: 8,
        channel_id: text(channel_id),
        timestamp: now(),
        label: text("a deletion"),
    }
}

pub fn hash_of(number: u32) -> [u8; 32] {
    sha256(&[&number.to_le_bytes()])
}

/// The numbered shares of a channel, as bytes.
pub fn shares(channel_id: &str, numbers: impl IntoIterator<Item = u32>) -> Vec<Vec<u8>> {
    let numbers = numbers.into_iter();
    numbers
        .map(|number| share(channel_id, number).write())
        .collect()
}

pub fn expect_verdicts(found: &Verdicts, wanted: &[(u64, &str)]) -> Outcome {
    let same = found.len() == wanted.len()
        && wanted
            .iter()
            .all(|(number, code)| found.contains(&(*number, code.to_string())));
    ensure!(same, "the verdicts are {found:?} instead of {wanted:?}");
    Ok(())
}

pub fn expect_equal<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Outcome {
    ensure!(found == wanted, "{what}: {found:?} instead of {wanted:?}");
    Ok(())
}
