//! Reports of what a pool has counted itself: GetAccounting, AccountingDeleted and ListDrift.

use crate::Programs;
use crate::cases::ask::{all_drift, all_records, get_accounting, get_records, list_drift, pages};
use crate::cases::world::{
    HOUR, POOL, STRANGER, block, deletion, everywhere, expect_equal, expect_verdicts, now,
    rejected, rejects, report, share, string,
};
use crate::client::{Claim, Session};
use crate::ensure;
use crate::extension::{GetAccountingSuccess, ShareAccounting, StoredRecord, Struct, Totals};
use crate::messages::text;
use crate::tap::{Case, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "GetAccounting gives the pool's last report beside what the records add up to, then and now",
            last_report,
        ),
        Case::new(
            "AccountingDeleted takes back the reports before it, and nothing else",
            deleted,
        ),
        Case::new(
            "ListDrift lists the channels whose last report differs from the records up to it",
            drift,
        ),
        Case::new("ListDrift comes in pages", drift_in_pages),
    ]
}

/// The number of the last report, and the accepted shares that are derived now and were at the report.
fn accounting(session: &mut Session, channel: &str) -> Outcome<(u64, Option<(u64, u64)>)> {
    let GetAccountingSuccess {
        derived,
        reported,
        derived_before,
        ..
    } = session.ask(get_accounting(channel))?;
    let now = Totals::read(derived.as_bytes())?.shares_accepted;
    if reported.is_empty() {
        ensure!(
            derived_before.is_empty(),
            "derived_before without a report: {derived_before:?}"
        );
        return Ok((now, None));
    }
    let reported = StoredRecord::read(reported.as_bytes())?;
    let before = Totals::read(derived_before.as_bytes())?.shares_accepted;
    Ok((now, Some((reported.sequence, before))))
}

fn last_report(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        let first = ShareAccounting {
            shares_accepted: 50,
            share_work_sum: u64::MAX,
            rejects: rejects(&[("stale-share", 3), ("difficulty-too-low", u64::MAX)]),
            ..report("c")
        };
        let records = [
            share("c", 1).write(),
            first.clone().write(),
            share("c", 2).write(),
        ];
        session.store(1, &records)?;
        expect_equal("c", accounting(&mut session, "c")?, (2, Some((2, 1))))?;
        let answer = session.ask(get_accounting("c"))?;
        let stored = StoredRecord::read(answer.reported.as_bytes())?;
        expect_equal("the report", stored.record.as_bytes(), &records[1])?;
        expect_equal("its position", stored.position, 2)?;
        expect_equal("its writer", string(&stored.identity).as_str(), POOL)?;

        // The last is the one with the highest position, whatever its timestamp; one with a verdict is none.
        let older = ShareAccounting {
            timestamp: now() - HOUR,
            ..report("c")
        };
        let mut bad = report("c");
        bad.best_difficulty = f64::NAN.to_bits();
        let records = [
            older.write(),
            bad.write(),
            report("d").write(),
            share("c", 3).write(),
        ];
        let verdicts = session.store(4, &records)?;
        expect_verdicts(&verdicts, &[(5, "invalid-record")])?;
        expect_equal("c", accounting(&mut session, "c")?, (3, Some((4, 2))))?;
        // A report makes a channel, of which nothing is derived yet.
        expect_equal("d", accounting(&mut session, "d")?, (0, Some((6, 0))))?;

        let mut stranger = world.open(STRANGER, Claim::read())?;
        let answer = stranger.ask(get_accounting("c"))?;
        ensure!(
            answer.derived.is_empty()
                && answer.reported.is_empty()
                && answer.derived_before.is_empty(),
            "{answer:?}"
        );
        Ok(())
    })
}

fn deleted(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        let records = [
            share("c", 1).write(),
            report("c").write(),
            report("c").write(),
            report("d").write(),
            deletion("c").write(),
        ];
        session.store(1, &records)?;
        expect_equal("c", accounting(&mut session, "c")?, (1, None))?;
        expect_equal("d", accounting(&mut session, "d")?, (0, Some((4, 0))))?;
        // The reports are still among the records.
        let reports = all_records(&mut session, get_records(2, "c", 0))?;
        expect_equal("reports", reports.len(), 2)?;

        session.store(6, &[share("c", 2).write(), report("c").write()])?;
        expect_equal("c", accounting(&mut session, "c")?, (2, Some((7, 2))))?;
        // Of a channel that has no report, or is not there.
        session.store(8, &[deletion("d").write(), deletion("e").write()])?;
        expect_equal("d", accounting(&mut session, "d")?, (0, None))?;
        expect_equal("e", accounting(&mut session, "e")?, (0, None))?;
        expect_equal("c", accounting(&mut session, "c")?, (2, Some((7, 2))))
    })
}

fn drift(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let agreeing = |channel: &str| ShareAccounting {
            last_share_sequence_number: 4,
            shares_accepted: 2,
            share_work_sum: 2000,
            best_difficulty: 1.0_f64.to_bits(),
            blocks_found: 1,
            rejects: rejects(&[("stale-share", 1), ("difficulty-too-low", 1)]),
            ..report(channel)
        };
        let differing = |channel: &str, change: &dyn Fn(&mut ShareAccounting)| {
            let mut report = agreeing(channel);
            change(&mut report);
            report.write()
        };
        let mut number = 0;
        // Two accepted shares, a block, and two refused ones, with the sequence numbers 1 to 4.
        let mut counted = |channel: &str| -> Vec<Vec<u8>> {
            number += 10;
            let mut shares = [
                share(channel, number),
                share(channel, number + 1),
                rejected(channel, number + 2),
                rejected(channel, number + 3),
            ];
            for (share, sequence_number) in shares.iter_mut().zip(1..) {
                share.sequence_number = sequence_number;
            }
            let mut records: Vec<_> = shares.map(|share| share.write()).into();
            records.push(block(channel, number).write());
            records
        };

        let mut records: Vec<Vec<u8>> = Vec::new();
        let mut wanted: Vec<(String, u64)> = Vec::new();
        let drifting: [(&str, &dyn Fn(&mut ShareAccounting)); 8] = [
            ("accepted", &|report| report.shares_accepted = 3),
            ("blocks", &|report| report.blocks_found = 0),
            ("difficulty", &|report| report.best_difficulty += 1),
            ("rejects", &|report| {
                report.rejects = rejects(&[("stale-share", 1)]);
            }),
            // Two, if it were summed to 64 bits.
            ("rejects beyond 64 bits", &|report| {
                report.rejects = rejects(&[("stale-share", u64::MAX), ("difficulty-too-low", 3)]);
            }),
            ("sequence", &|report| report.last_share_sequence_number = 3),
            ("work", &|report| report.share_work_sum = 1999),
            ("\u{e9}", &|report| report.shares_accepted = 0),
        ];
        for (channel, change) in drifting {
            records.extend(counted(channel));
            records.push(differing(channel, change));
            wanted.push((channel.to_owned(), records.len() as u64));
        }
        // 2^64 + 998, of which 64 bits are reported.
        let mut much = share("work beyond 64 bits", 1);
        much.share_work = u64::MAX;
        let mut more = share("work beyond 64 bits", 2);
        more.share_work = 999;
        more.sequence_number = 4;
        let low = ShareAccounting {
            share_work_sum: 998,
            blocks_found: 0,
            rejects: rejects(&[]),
            ..agreeing("work beyond 64 bits")
        };
        records.extend([much.write(), more.write(), low.write()]);
        wanted.insert(7, ("work beyond 64 bits".to_owned(), records.len() as u64));

        // These do not drift: one that agrees, and goes on counting; one whose report came right, one whose report was
        // taken back, and one that has none.
        records.extend(counted("same"));
        records.push(agreeing("same").write());
        records.push(share("same", 9000).write());
        for channel in ["mended", "taken back"] {
            records.extend(counted(channel));
            records.push(differing(channel, &|report| report.shares_accepted = 9));
        }
        records.push(agreeing("mended").write());
        records.push(deletion("taken back").write());
        records.extend(counted("without"));

        let mut session = world.open(POOL, Claim::both(7))?;
        expect_verdicts(&session.store(1, &records)?, &[])?;
        let found = all_drift(&mut session, list_drift())?;
        let mut names = Vec::new();
        for entry in &found {
            let name = string(&entry.channel_id);
            let reported = StoredRecord::read(entry.reported.as_bytes())?;
            let before = Totals::read(entry.derived_before.as_bytes())?;
            expect_equal(&name, before.shares_accepted, 2)?;
            let sent = &records[reported.sequence as usize - 1];
            expect_equal(&name, reported.record.as_bytes(), sent)?;
            names.push((name, reported.sequence));
        }
        expect_equal("channels", names, wanted)?;

        // What was said before does not change with what comes after; a new report does.
        session.store(
            records.len() as u64 + 1,
            &[share("accepted", 9001).write(), report("same").write()],
        )?;
        let found = all_drift(&mut session, list_drift())?;
        let names: Vec<_> = found
            .iter()
            .map(|entry| string(&entry.channel_id))
            .collect();
        ensure!(
            names.len() == 10 && names.contains(&"same".to_owned()),
            "{names:?}"
        );
        let mut stranger = world.open(STRANGER, Claim::read())?;
        let elsewhere = all_drift(&mut stranger, list_drift())?;
        expect_equal("of another pool", elsewhere, vec![])
    })
}

fn drift_in_pages(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        let name = |number: u32| format!("{number:0>255}");
        let records: Vec<Vec<u8>> = (1..=400)
            .map(|number| {
                let drifts = ShareAccounting {
                    shares_accepted: u64::from(number % 4),
                    label: text(&"l".repeat(255)),
                    ..report(&name(number))
                };
                drifts.write()
            })
            .collect();
        session.store(1, &records)?;
        let found = all_drift(&mut session, list_drift())?;
        let names: Vec<_> = found
            .iter()
            .map(|entry| string(&entry.channel_id))
            .collect();
        let wanted = (1..=400).filter(|number| number % 4 != 0).map(name);
        expect_equal("channels", names, wanted.collect())?;
        let pages = pages(&mut session, list_drift())?.len();
        ensure!(pages > 1, "there is only one page");
        Ok(())
    })
}
