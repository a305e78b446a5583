//! Verdicts: what makes a record count nowhere, while its stream goes on.

use binary_sv2::{B064KOwned, Seq064KOwned, Str0255Owned};

use crate::Programs;
use crate::cases::store::padded;
use crate::cases::world::{
    DECLARATOR, PARTNER, POOL, STRANGER, World, batch, block, bound, deletion, everywhere,
    expect_equal, expect_verdicts, hash_of, job, nothing, refused_job, rejected, report, share,
    shares, solution, status,
};
use crate::client::Claim;
use crate::extension::{
    AcknowledgmentOutcome, BlockFoundOutcome, DeclaredJob, FailedOutcome, MAX_RECORD, RejectCount,
    Share, ShareAccounting, Struct,
};
use crate::messages::text;
use crate::tap::{Case, Outcome};

/// The end of the year 9999.
const LAST_TIME: u64 = 253_402_300_799_999;

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new("record-too-large: more bytes than max_record", too_large),
        Case::new(
            "unknown-kind: a reserved kind, or none at all",
            unknown_kind,
        ),
        Case::new(
            "invalid-record: fields cut short, out of their range, or in contradiction",
            invalid_record,
        ),
        Case::new(
            "invalid-record: rejects of a report that are not whole, nameless or told twice",
            invalid_reports,
        ),
        Case::new(
            "invalid-record: a status that does not exist, a job that contradicts itself, a long extranonce",
            invalid_others,
        ),
        Case::new(
            "outcomes with their own data, whole and alone, count",
            outcomes,
        ),
        Case::new(
            "invalid-text: no UTF-8, or a control character, in any text of a record",
            invalid_text,
        ),
        Case::new("invalid-timestamp: after the year 9999", invalid_timestamp),
        Case::new(
            "above-target: an accepted share whose hash is above the target it states",
            above_target,
        ),
        Case::new(
            "duplicate-share: a hash accepted before in the pool, in whatever channel, stream or identity",
            duplicate,
        ),
        Case::new(
            "the first verdict of the document's table is given where several fit",
            precedence,
        ),
        Case::new(
            "a record with a verdict counts nowhere but in its own line, and the stream goes on",
            counts_nowhere,
        ),
        Case::new("more verdicts than fit a frame are all told", many),
    ]
}

/// Stores the records as one message, each of which gets what stands beside it.
fn judged(world: &World, records: Vec<(Vec<u8>, &str)>) -> Outcome {
    let mut session = world.open(POOL, Claim::write(rand::random::<u64>().max(1)))?;
    let (bytes, codes): (Vec<_>, Vec<_>) = records.into_iter().unzip();
    let wanted: Vec<_> = (1..)
        .zip(codes)
        .filter(|(_, code)| !code.is_empty())
        .collect();
    expect_verdicts(&session.store(1, &bytes)?, &wanted)
}

fn outcome_data(bytes: Vec<u8>) -> B064KOwned {
    bytes.try_into().expect("at most 64 KiB")
}

fn bytes_as_text(bytes: &[u8]) -> Str0255Owned {
    bytes.to_vec().try_into().expect("at most 255 bytes")
}

fn too_large(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let limit = MAX_RECORD as usize;
        let mut session = world.open(POOL, Claim::both(7))?;
        let largest = padded(share("c", 1).write(), limit);
        let larger = padded(share("c", 2).write(), limit + 1);
        expect_verdicts(&session.store(1, &[largest])?, &[])?;
        expect_verdicts(&session.store(2, &[larger])?, &[(2, "record-too-large")])?;
        expect_verdicts(&session.store(3, &shares("c", [3]))?, &[])?;
        expect_equal("shares", session.totals()?.shares_accepted, 2)
    })
}

fn unknown_kind(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let kinds = [0, 9, 10, 255].map(|kind| {
            let mut record = share("c", 1).write();
            record[0] = kind;
            (record, "unknown-kind")
        });
        judged(world, kinds.to_vec())?;
        judged(
            world,
            vec![(vec![9], "unknown-kind"), (vec![0], "unknown-kind")],
        )
    })
}

fn invalid_record(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let bad = |change: &dyn Fn(&mut Share)| {
            let mut record = share("c", 1);
            change(&mut record);
            (record.write(), "invalid-record")
        };
        let mut records = vec![(Vec::new(), "invalid-record")];
        for whole in [
            share("c", 1).write(),
            report("c").write(),
            block("c", 1).write(),
            status(1, 1).write(),
            batch("c").write(),
            job(1).write(),
            solution(1).write(),
            deletion("c").write(),
        ] {
            for length in [1, 2, whole.len() / 2, whole.len() - 1] {
                records.push((whole[..length].to_vec(), "invalid-record"));
            }
        }
        records.push(bad(&|share| share.channel_id = text("")));
        for accepted in [2, 0x81, 255] {
            records.push(bad(&|share| share.accepted = accepted));
        }
        for difficulty in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -0.0] {
            records.push(bad(&|share| share.difficulty = difficulty.to_bits()));
            let mut block = block("c", 1);
            block.difficulty = difficulty.to_bits();
            records.push((block.write(), "invalid-record"));
            let mut report = report("c");
            report.best_difficulty = difficulty.to_bits();
            records.push((report.write(), "invalid-record"));
        }
        for without_channel in [
            report("").write(),
            block("", 1).write(),
            batch("").write(),
            deletion("").write(),
        ] {
            records.push((without_channel, "invalid-record"));
        }

        // Outcomes that do not exist, contradict `accepted`, or whose data are not exactly their struct.
        for (accepted, outcome) in [(1, 5), (0, 5), (1, 255), (0, 1)] {
            records.push(bad(&|share| {
                (share.accepted, share.outcome) = (accepted, outcome);
            }));
        }
        for (right, outcome, data) in [
            (1, 2, acknowledgment()),
            (1, 3, block_found()),
            (0, 4, failed("stale-share")),
        ] {
            let with = |accepted: u8, data: &[u8]| {
                bad(&|share| {
                    (share.accepted, share.outcome) = (accepted, outcome);
                    share.outcome_data = outcome_data(data.to_vec());
                })
            };
            records.push(with(1 - right, &data));
            records.push(with(right, &[]));
            records.push(with(right, &data[..data.len() - 1]));
            records.push(with(right, &[&data[..], &[0]].concat()));
        }
        for outcome in [0, 1] {
            records.push(bad(&|share| {
                share.outcome = outcome;
                share.outcome_data = outcome_data(vec![0]);
            }));
        }
        judged(world, records)
    })
}

fn invalid_reports(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let with = |items: &[Vec<u8>]| -> Outcome<Vec<u8>> {
            let items: Result<Vec<_>, _> =
                items.iter().map(|item| item.clone().try_into()).collect();
            Ok(ShareAccounting {
                rejects: Seq064KOwned::new(items?)?,
                ..report("c")
            }
            .write())
        };
        let reject = |error_code: &str| {
            let error_code = text(error_code);
            RejectCount {
                error_code,
                count: u64::MAX,
            }
            .write()
        };
        let whole = reject("stale-share");
        let longer = [&whole[..], &[0]].concat();
        let shorter = whole[..whole.len() - 1].to_vec();
        let bad = "invalid-record";
        judged(
            world,
            vec![
                (with(&[])?, ""),
                (
                    with(&[reject("a"), reject("A"), reject(&"e".repeat(255))])?,
                    "",
                ),
                (with(&[reject("")])?, bad),
                (with(&[whole.clone(), reject("a"), whole])?, bad),
                (with(&[longer])?, bad),
                (with(&[shorter])?, bad),
                (with(&[vec![]])?, bad),
                (with(&[reject("a"), reject("\n")])?, "invalid-text"),
                // What comes first in the document's table, wherever it stands in the list.
                (with(&[reject("\n"), reject("")])?, bad),
            ],
        )
    })
}

fn invalid_others(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let bad = "invalid-record";
        let mut records = Vec::new();
        for (code, verdict) in [(0, bad), (1, ""), (2, ""), (3, ""), (4, bad), (255, bad)] {
            records.push((status(1, code).write(), verdict));
        }
        let token = |length: usize| vec![5; length].try_into().expect("at most 255 bytes");
        for (accepted, token_length, error_code, verdict) in [
            (1, 1, "", ""),
            (1, 255, "", ""),
            (1, 0, "", bad),
            (1, 1, "error", bad),
            (0, 0, "error", ""),
            (0, 0, "", bad),
            (0, 1, "error", bad),
            (2, 1, "", bad),
            (2, 0, "error", bad),
        ] {
            let declared = DeclaredJob {
                accepted,
                new_mining_job_token: token(token_length),
                error_code: text(error_code),
                ..job(1)
            };
            records.push((declared.write(), verdict));
        }
        let mut untold = job(2);
        untold.mining_job_token = token(0);
        untold.user_identity = text("");
        records.push((untold.write(), ""));
        let mut untold = solution(1);
        untold.mining_job_token = token(0);
        untold.share_hash = [0; 32].into();
        untold.extranonce = Vec::new().try_into()?;
        records.push((untold.write(), ""));
        // An extranonce of 33 bytes, which no SRI type can say: kind, token and hash go before it.
        let mut long = solution(1).write();
        let length = 1 + (1 + 4) + 32;
        expect_equal("bytes of extranonce", long[length], 32)?;
        long[length] = 33;
        long.insert(length + 1, 0);
        records.push((long, bad));
        judged(world, records)
    })
}

fn acknowledgment() -> Vec<u8> {
    AcknowledgmentOutcome {
        last_sequence_number: 41,
        new_submits_accepted_count: 20,
        new_shares_sum: 20480,
    }
    .write()
}

fn block_found() -> Vec<u8> {
    BlockFoundOutcome {
        template_id: bound(None),
        coinbase: outcome_data(Vec::new()),
    }
    .write()
}

fn failed(error_code: &str) -> Vec<u8> {
    let error_code = text(error_code);
    FailedOutcome { error_code }.write()
}

fn outcomes(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let good = |number: u32, accepted, outcome, data| {
            let mut record = share("c", number);
            (record.accepted, record.outcome) = (accepted, outcome);
            record.outcome_data = outcome_data(data);
            (record.write(), "")
        };
        let mut no_difficulty = share("c", 7);
        no_difficulty.difficulty = 0.0_f64.to_bits();
        judged(
            world,
            vec![
                good(1, 0, 0, vec![]),
                good(2, 1, 0, vec![]),
                good(3, 1, 1, vec![]),
                good(4, 1, 2, acknowledgment()),
                good(5, 1, 3, block_found()),
                good(6, 0, 4, failed("stale-share")),
                (no_difficulty.write(), ""),
            ],
        )
    })
}

fn invalid_text(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut records = Vec::new();
        for bad in [
            &b"\xff"[..],
            b"a\x80",
            b"\xc3",
            b"\xc0\x80",         // overlong
            b"\xe0\x80\xaf",     // overlong
            b"\xed\xa0\x80",     // a surrogate
            b"\xf4\x90\x80\x80", // above U+10FFFF
            b"a\x00",
            b"\x1f",
            b"\x7f",
            b"\xc2\x80",
            b"\xc2\x9f",
        ] {
            let mut record = share("c", 1);
            record.channel_id = bytes_as_text(bad);
            records.push((record.write(), "invalid-text"));
        }
        let bad = || bytes_as_text(b"line\nbreak");
        let mut record = share("c", 1);
        record.user_identity = bad();
        records.push((record.write(), "invalid-text"));
        let mut record = share("c", 1);
        record.label = bad();
        records.push((record.write(), "invalid-text"));
        let mut record = rejected("c", 1);
        record.outcome = 4;
        record.outcome_data = outcome_data(FailedOutcome { error_code: bad() }.write());
        records.push((record.write(), "invalid-text"));
        let mut record = block("c", 1);
        record.label = bad();
        records.push((record.write(), "invalid-text"));
        let mut record = batch("c");
        record.label = bad();
        records.push((record.write(), "invalid-text"));
        let mut record = report("c");
        record.label = bad();
        records.push((record.write(), "invalid-text"));
        let mut record = report("c");
        record.channel_id = bad();
        records.push((record.write(), "invalid-text"));
        let mut record = status(1, 1);
        record.label = bad();
        records.push((record.write(), "invalid-text"));
        let mut record = job(1);
        record.user_identity = bad();
        records.push((record.write(), "invalid-text"));
        let mut record = job(1);
        record.label = bad();
        records.push((record.write(), "invalid-text"));
        let mut record = refused_job(1);
        record.error_code = bad();
        records.push((record.write(), "invalid-text"));
        let mut record = solution(1);
        record.label = bad();
        records.push((record.write(), "invalid-text"));
        let mut record = deletion("c");
        record.channel_id = bad();
        records.push((record.write(), "invalid-text"));
        let mut record = deletion("c");
        record.label = bad();
        records.push((record.write(), "invalid-text"));

        // At the borders of what is refused.
        let borders = " ~\u{a0}\u{d7ff}\u{e000}\u{10ffff}";
        let mut record = share(borders, 1);
        record.user_identity = text(borders);
        records.push((record.write(), ""));
        let mut record = share("c", 2);
        record.user_identity = text("");
        records.push((record.write(), ""));
        let mut record = share(&"c".repeat(255), 3);
        record.label = text(&"l".repeat(255));
        records.push((record.write(), ""));
        judged(world, records)
    })
}

fn invalid_timestamp(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut records = Vec::new();
        for (number, timestamp, code) in [
            (1, 0, ""),
            (2, LAST_TIME, ""),
            (3, LAST_TIME + 1, "invalid-timestamp"),
            (4, u64::MAX, "invalid-timestamp"),
        ] {
            macro_rules! at_that_time {
                ($($record:expr),*) => {
                    $({
                        let mut record = $record;
                        record.timestamp = timestamp;
                        records.push((record.write(), code));
                    })*
                };
            }
            at_that_time!(
                share("c", number),
                report("c"),
                block("c", number),
                status(number, 1),
                batch("c"),
                job(number),
                solution(number),
                deletion("c")
            );
        }
        judged(world, records)
    })
}

/// The next number, in the order of a hash: its first byte is the lowest.
fn plus_one(mut number: [u8; 32]) -> [u8; 32] {
    for byte in &mut number {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    number
}

fn above_target(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let with_target = |number: u32, target: [u8; 32], hash: [u8; 32]| {
            let mut record = share("c", number);
            record.target = target.into();
            record.share_hash = hash.into();
            record
        };
        // The lowest byte of a number is the first one.
        let mut target = [0; 32];
        target[1] = 1;
        let mut high_last = [0; 32];
        high_last[31] = 1;
        let mut refused = with_target(5, target, hash_of(5));
        (refused.accepted, refused.outcome) = (0, 0);
        judged(
            world,
            vec![
                (with_target(1, target, target).write(), ""),
                (
                    with_target(2, target, plus_one(target)).write(),
                    "above-target",
                ),
                (with_target(3, target, high_last).write(), "above-target"),
                (with_target(4, [0; 32], [0xff; 32]).write(), ""),
                (refused.write(), ""),
                // Not accepted before: the one above target does not make it a duplicate.
                (with_target(6, [0; 32], plus_one(target)).write(), ""),
            ],
        )
    })
}

fn duplicate(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let again = |channel: &str, sequence_number: u32| Share {
            sequence_number,
            ..share(channel, 1)
        };
        let mut session = world.open(POOL, Claim::both(7))?;
        let records = [
            rejected("c", 1).write(), // makes nothing a duplicate
            again("c", 1).write(),
            again("c", 2).write(),
            again("d", 3).write(),
            rejected("c", 1).write(), // never is one
            share("c", 2).write(),
        ];
        expect_verdicts(
            &session.store(1, &records)?,
            &[(3, "duplicate-share"), (4, "duplicate-share")],
        )?;
        let elsewhere = [again("e", 9).write()];
        let mut stream = world.open(POOL, Claim::write(8))?;
        expect_verdicts(&stream.store(1, &elsewhere)?, &[(1, "duplicate-share")])?;
        let mut partner = world.open(PARTNER, Claim::write(8))?;
        expect_verdicts(&partner.store(1, &elsewhere)?, &[(1, "duplicate-share")])?;
        // Another pool's shares are its own.
        let mut stranger = world.open(STRANGER, Claim::write(8))?;
        expect_verdicts(&stranger.store(1, &elsewhere)?, &[])?;

        // Long before the window of 72 hours.
        let old = |sequence_number| Share {
            timestamp: 1_000_000_000_000,
            sequence_number,
            ..share("c", 50)
        };
        let records = [old(1).write(), old(2).write()];
        expect_verdicts(&session.store(7, &records)?, &[(8, "duplicate-share")])?;

        let totals = session.totals()?;
        expect_equal("accepted", totals.shares_accepted, 3)?;
        expect_equal("rejected", totals.shares_rejected, 2)?;
        expect_equal("duplicates", totals.shares_duplicate, 5)
    })
}

fn precedence(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut everything = share("c", 1);
        everything.share_hash = [0xff; 32].into();
        everything.target = [1; 32].into();
        let mut records = Vec::new();
        let mut before = share("c", 1);
        before.share_hash = everything.share_hash.clone();
        records.push((before.write(), ""));
        records.push((everything.clone().write(), "above-target"));
        everything.timestamp = LAST_TIME + 1;
        records.push((everything.clone().write(), "invalid-timestamp"));
        everything.label = bytes_as_text(b"\x01");
        records.push((everything.clone().write(), "invalid-text"));
        everything.accepted = 2;
        records.push((everything.clone().write(), "invalid-record"));
        everything.kind = 10;
        records.push((everything.clone().write(), "unknown-kind"));
        judged(world, records)?;

        let oversized = padded(everything.write(), MAX_RECORD as usize + 1);
        judged(world, vec![(oversized, "record-too-large")])
    })
}

fn counts_nowhere(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(DECLARATOR, Claim::both(7))?;
        expect_verdicts(
            &session.store(1, &[vec![], vec![10, 1, 2], vec![200]])?,
            &[
                (1, "invalid-record"),
                (2, "unknown-kind"),
                (3, "unknown-kind"),
            ],
        )?;
        expect_equal("totals", session.totals()?, nothing())?;

        let mut session = world.open(POOL, Claim::both(7))?;
        let mut above = share("c", 1);
        above.target = [1; 32].into();
        above.share_hash = [2; 32].into();
        let mut late = share("c", 2);
        late.timestamp = u64::MAX;
        let mut late_block = block("c", 2);
        late_block.timestamp = u64::MAX;
        let records = [above.write(), late.write(), late_block.write()];
        session.store(1, &records)?;
        let mut wanted = nothing();
        wanted.shares_above_target = 1;
        expect_equal("totals", session.totals()?, wanted)?;
        expect_verdicts(&session.store(4, &shares("c", [2]))?, &[])
    })
}

fn many(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        let count = 60_000;
        let found = session.store(1, &vec![vec![200]; count])?;
        expect_equal("verdicts", found.len(), count)?;
        let whole = (1..)
            .zip(&found)
            .all(|(number, verdict)| *verdict == (number, "unknown-kind".to_owned()));
        expect_equal("each number once, in order", whole, true)
    })
}
