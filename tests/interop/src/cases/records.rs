//! GetRecords: the records of every kind, those of channels and those of the pool as a whole.

use binary_sv2::Seq064KOwned;
use job_declaration_sv2::{DeclareMiningJobOwned, DeclareMiningJobSuccessOwned, PushSolutionOwned};

use crate::Programs;
use crate::cases::ask::{
    all_names, all_records, get_accounting, get_records, list_channels, sequences,
};
use crate::cases::world::{
    DECLARATOR, HOUR, PARTNER, POOL, STRANGER, batch, block, bound, deletion, everywhere,
    expect_equal, expect_verdicts, hash_of, job, now, refused_job, report, share, solution, status,
    string, totals_of,
};
use crate::client::Claim;
use crate::ensure;
use crate::extension::{DeclaredJob, GetRecords, Record, Solution, Struct};
use crate::messages::text;
use crate::tap::{Case, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "GetRecords gives the records of each kind, newest first, in pages of one, as they were sent",
            each_kind,
        ),
        Case::new(
            "records of no channel are the pool's: they make no channel and count for none",
            of_no_channel,
        ),
        Case::new(
            "GetRecords of a kind that is reserved, or with a channel_id where it does not belong, is an invalid-request",
            wrong_kind,
        ),
        Case::new(
            "a job that SRI declares and a solution that it pushes come back from their records as the same messages",
            declared_by_sri,
        ),
    ]
}

/// Kinds whose records belong to no channel.
const OF_THE_POOL: [u8; 3] = [4, 6, 7];

fn channel_for(kind: u8) -> &'static str {
    if OF_THE_POOL.contains(&kind) { "" } else { "c" }
}

macro_rules! at {
    ($time:expr, $record:expr) => {{
        let mut record = $record;
        record.timestamp = $time;
        record.write()
    }};
}

fn each_kind(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        // Three records of each kind, a second apart: number 8 n + kind.
        let first = now() - HOUR;
        let mut records: Vec<Vec<u8>> = Vec::new();
        for n in 0..3 {
            let time = first + u64::from(n) * 1000;
            let declared = if n == 1 { refused_job(n) } else { job(n) };
            records.push(at!(time, share("c", n)));
            records.push(at!(time, report("c")));
            records.push(at!(time, block("c", 100 + n)));
            records.push(at!(time, status(100 + n, n as u8 + 1)));
            records.push(at!(time, batch("c")));
            records.push(at!(time, declared));
            records.push(at!(time, solution(n + 1)));
            records.push(at!(time, deletion("c")));
        }
        for with_field in &mut records[8..16] {
            with_field.extend(b"\x02\x00\x01\x0a\x00Worker_001");
        }
        records.extend([
            share("d", 10).write(),
            report("d").write(),
            block("d", 110).write(),
            batch("d").write(),
            deletion("d").write(),
        ]);
        let mut session = world.open(POOL, Claim::both(7))?;
        expect_verdicts(&session.store(1, &records)?, &[])?;

        let mut partner = world.open(PARTNER, Claim::read())?;
        let mut stranger = world.open(STRANGER, Claim::read())?;
        for kind in 1..=8 {
            let name = format!("kind {kind}");
            let list = get_records(kind, channel_for(kind), 1);
            let found = all_records(&mut session, list.clone())?;
            let numbers = [16, 8, 0].map(|before| before + u64::from(kind));
            expect_equal(&name, sequences(&found), numbers.to_vec())?;
            for entry in &found {
                let sent = &records[entry.sequence as usize - 1];
                expect_equal(&name, entry.record.as_bytes(), sent)?;
                expect_equal(&name, string(&entry.verdict).as_str(), "")?;
                expect_equal(&name, string(&entry.identity).as_str(), POOL)?;
                expect_equal(&name, entry.position, entry.sequence)?;
            }
            let second = GetRecords {
                start: bound(Some(first + 1000)),
                end: bound(Some(first + 1000)),
                ..list.clone()
            };
            let found_alone = all_records(&mut session, second)?;
            expect_equal(&name, sequences(&found_alone), vec![numbers[1]])?;
            let by_partner = all_records(&mut partner, list.clone())?;
            expect_equal(&name, by_partner, found)?;
            expect_equal(&name, all_records(&mut stranger, list)?, vec![])?;
        }
        Ok(())
    })
}

fn of_no_channel(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut declarator = world.open(DECLARATOR, Claim::both(7))?;
        declarator.store(1, &[job(1).write(), solution(1).write()])?;
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &[status(1, 1).write()])?;

        expect_equal(
            "channels",
            all_names(&mut session, list_channels())?,
            vec![],
        )?;
        let totals = session.ask(totals_of(""))?;
        expect_equal("position", totals.position, 3)?;
        expect_equal("channels with a record", totals.channels, 0)?;
        session.store(2, &[batch("c").write(), deletion("d").write()])?;
        let channels = all_names(&mut session, list_channels())?;
        expect_equal("channels", channels, vec!["c".to_owned(), "d".to_owned()])?;
        expect_equal(
            "channels with a record",
            session.ask(totals_of(""))?.channels,
            2,
        )?;
        for channel in ["c", "d"] {
            let answer = session.ask(get_accounting(channel))?;
            ensure!(!answer.derived.is_empty(), "there is no channel {channel}");
        }

        // Whoever of the pool has written them.
        let jobs = all_records(&mut session, get_records(6, "", 0))?;
        let writers: Vec<String> = jobs.iter().map(|job| string(&job.identity)).collect();
        expect_equal("writers of jobs", writers, vec![DECLARATOR.to_owned()])
    })
}

fn wrong_kind(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &[share("c", 1).write(), job(1).write()])?;
        for kind in [0, 9, 10, 255] {
            for channel in ["", "c"] {
                session.ask_in_vain(get_records(kind, channel, 0), "invalid-request")?;
            }
        }
        for kind in 1..=8 {
            let wrong = if channel_for(kind).is_empty() {
                "c"
            } else {
                ""
            };
            session.ask_in_vain(get_records(kind, wrong, 0), "invalid-request")?;
        }
        Ok(())
    })
}

fn declared_by_sri(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        // So many transactions that the record alone is larger than a page.
        let transactions = (1..=5000).map(|number| hash_of(number).into()).collect();
        let declared = DeclareMiningJobOwned {
            request_id: 1,
            mining_job_token: vec![1; 4].try_into()?,
            version: 0x2000_0000,
            coinbase_tx_prefix: vec![2; 60].try_into()?,
            coinbase_tx_suffix: vec![3; 200].try_into()?,
            wtxid_list: Seq064KOwned::new(transactions)?,
            excess_data: vec![4; 1000].try_into()?,
        };
        let answered = DeclareMiningJobSuccessOwned {
            request_id: 1,
            new_mining_job_token: vec![5; 255].try_into()?,
        };
        let pushed = PushSolutionOwned {
            extranonce: vec![6; 32].try_into()?,
            prev_hash: hash_of(7).into(),
            nonce: u32::MAX,
            ntime: 1_767_225_600,
            nbits: 0x1d00_ffff,
            version: 0x2000_0000,
        };
        let (job, push) = (declared.clone(), pushed.clone());
        let job = DeclaredJob {
            kind: 6,
            mining_job_token: job.mining_job_token,
            new_mining_job_token: answered.new_mining_job_token.clone(),
            user_identity: text("account.worker"),
            accepted: 1,
            error_code: text(""),
            version: job.version,
            coinbase_tx_prefix: job.coinbase_tx_prefix,
            coinbase_tx_suffix: job.coinbase_tx_suffix,
            wtxid_list: job.wtxid_list,
            excess_data: job.excess_data,
            timestamp: now(),
            label: text(""),
        };
        let solution = Solution {
            kind: 7,
            mining_job_token: answered.new_mining_job_token.clone(),
            share_hash: [0; 32].into(),
            extranonce: push.extranonce,
            prev_hash: push.prev_hash,
            nonce: push.nonce,
            ntime: push.ntime,
            nbits: push.nbits,
            version: push.version,
            timestamp: now(),
            label: text(""),
        };
        let mut session = world.open(DECLARATOR, Claim::both(7))?;
        let verdicts = session.store(1, &[job.write(), solution.write()])?;
        expect_verdicts(&verdicts, &[])?;

        let jobs = all_records(&mut session, get_records(6, "", 0))?;
        ensure!(jobs.len() == 1, "there are {} jobs", jobs.len());
        let job = DeclaredJob::read_before_tail(jobs[0].record.as_bytes())?;
        let again = DeclareMiningJobOwned {
            request_id: 1,
            mining_job_token: job.mining_job_token,
            version: job.version,
            coinbase_tx_prefix: job.coinbase_tx_prefix,
            coinbase_tx_suffix: job.coinbase_tx_suffix,
            wtxid_list: job.wtxid_list,
            excess_data: job.excess_data,
        };
        ensure!(again == declared, "{again} instead of {declared}");
        expect_equal(
            "the new token",
            job.new_mining_job_token,
            answered.new_mining_job_token,
        )?;

        let solutions = all_records(&mut session, get_records(7, "", 0))?;
        ensure!(
            solutions.len() == 1,
            "there are {} solutions",
            solutions.len()
        );
        let solution = Solution::read_before_tail(solutions[0].record.as_bytes())?;
        let again = PushSolutionOwned {
            extranonce: solution.extranonce,
            prev_hash: solution.prev_hash,
            nonce: solution.nonce,
            ntime: solution.ntime,
            nbits: solution.nbits,
            version: solution.version,
        };
        expect_equal("the solution", again, pushed)
    })
}
