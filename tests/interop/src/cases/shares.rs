//! GetRecords and IsShareSeen: which shares are there.

use crate::Programs;
use crate::cases::ask::{
    PAGE, all_records, get_shares, is_share_seen, pages, sequences, stored, timed_shares,
};
use crate::cases::store::padded;
use crate::cases::world::{
    HOUR, PARTNER, POOL, STRANGER, batch, block, bound, everywhere, expect_equal, expect_verdicts,
    hash_of, now, rejected, share, string,
};
use crate::client::{Claim, Session};
use crate::ensure;
use crate::extension::{GetRecords, Share, Struct};
use crate::tap::{Case, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "GetRecords gives every stored share of the channel, newest first, in pages of two, as it was sent",
            shares_in_pages,
        ),
        Case::new(
            "GetRecords keeps to its range, of which both ends belong to it, over its pages",
            shares_in_range,
        ),
        Case::new(
            "pages neither skip nor repeat while other shares are stored",
            stable_pages,
        ),
        Case::new(
            "a page holds at most 65,536 bytes, or a single larger item",
            page_size,
        ),
        Case::new(
            "a record is found by its own timestamp where that can be true, else by its arrival",
            effective_time,
        ),
        Case::new(
            "IsShareSeen tells accepted shares that count, in the pool or in one channel",
            seen,
        ),
    ]
}

fn shares_in_pages(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let first = now() - HOUR;
        let mut records = timed_shares("c", 1..=3, first);
        let later = |mut record: Share, seconds: u64| {
            record.timestamp = first + seconds * 1000;
            record
        };
        let mut above = later(share("c", 4), 3);
        (above.target, above.share_hash) = ([1; 32].into(), [2; 32].into());
        records.push(above.write());
        records.push(later(share("c", 1), 4).write()); // a duplicate
        records.push(later(rejected("c", 6), 5).write());
        let mut with_field = later(share("c", 7), 1).write(); // as old as the second
        with_field.extend(b"\x02\x00\x01\x0a\x00Worker_001");
        records.push(with_field);
        // None of these belongs to the list.
        let mut invalid = later(share("c", 8), 6);
        invalid.accepted = 2;
        records.push(invalid.write());
        records.push(block("c", 9).write());
        records.push(batch("c").write());
        records.push(share("d", 10).write());

        let begun = now();
        let mut session = world.open(POOL, Claim::both(7))?;
        expect_verdicts(
            &session.store(1, &records)?,
            &[
                (4, "above-target"),
                (5, "duplicate-share"),
                (8, "invalid-record"),
            ],
        )?;
        let ended = now();

        let found = all_records(&mut session, get_shares("c", 2))?;
        expect_equal("numbers", sequences(&found), vec![6, 5, 4, 3, 7, 2, 1])?;
        for entry in &found {
            let name = format!("share {}", entry.sequence);
            let sent = &records[entry.sequence as usize - 1];
            expect_equal(&name, entry.record.as_bytes(), sent)?;
            expect_equal(&name, string(&entry.identity).as_str(), POOL)?;
            expect_equal(&name, entry.stream_id, 7)?;
            let verdict = match entry.sequence {
                4 => "above-target",
                5 => "duplicate-share",
                _ => "",
            };
            expect_equal(&name, string(&entry.verdict).as_str(), verdict)?;
            // The first records of the store, in the order of their commits.
            expect_equal(&name, entry.position, entry.sequence)?;
            ensure!(
                entry.received_at >= begun && entry.received_at <= ended,
                "{name}: received at {}, sent between {begun} and {ended}",
                entry.received_at
            );
        }
        let all_at_once = all_records(&mut session, get_shares("c", 0))?;
        expect_equal("in one page", all_at_once, found)?;
        expect_equal(
            "of an unknown channel",
            all_records(&mut session, get_shares("e", 2))?,
            vec![],
        )
    })
}

fn shares_in_range(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let first = now() - HOUR;
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &timed_shares("c", 1..=10, first))?;
        let mut check = |start: Option<u64>, end: Option<u64>, wanted: Vec<u64>| {
            let request = GetRecords {
                start: bound(start),
                end: bound(end),
                ..get_shares("c", 2)
            };
            let found = all_records(&mut session, request)?;
            expect_equal("numbers", sequences(&found), wanted)
        };
        let time = |number: u64| first + (number - 1) * 1000;
        check(Some(time(3)), Some(time(7)), vec![7, 6, 5, 4, 3])?;
        check(Some(time(3) + 1), Some(time(7) - 1), vec![6, 5, 4])?;
        check(Some(time(9)), None, vec![10, 9])?;
        check(None, Some(time(2)), vec![2, 1])?;
        check(Some(time(5)), Some(time(5)), vec![5])?;
        check(Some(time(10) + 1), None, vec![])?;
        check(Some(0), Some(u64::MAX), (1..=10).rev().collect())
    })
}

fn stable_pages(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let first = now() - HOUR;
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &timed_shares("c", 1..=6, first))?;
        let page = session.ask(get_shares("c", 2))?;
        let mut found = stored(&page)?;
        // Newer than the page, between its shares, and older than all.
        session.store(7, &timed_shares("c", 7..=12, first + 500))?;
        session.store(13, &timed_shares("c", 13..=14, first - 5000))?;
        let rest = GetRecords {
            cursor: page.next_cursor,
            ..get_shares("c", 2)
        };
        found.extend(all_records(&mut session, rest)?);
        expect_equal("numbers", sequences(&found), vec![6, 5, 4, 3, 2, 1])?;
        let now_there = all_records(&mut session, get_shares("c", 2))?;
        expect_equal("shares now", now_there.len(), 14)
    })
}

fn page_size(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        let first = now() - HOUR;
        let mut records = timed_shares("c", 1..=1000, first);
        records[499] = padded(records[499].clone(), 3 * PAGE);
        session.store(1, &records)?;

        let found = all_records(&mut session, get_shares("c", 0))?;
        let wanted: Vec<u64> = (1..=1000).rev().collect();
        expect_equal("numbers", sequences(&found), wanted)?;
        let large = found.iter().find(|record| record.sequence == 500);
        let whole = large.is_some_and(|found| found.record.as_bytes() == records[499]);
        ensure!(whole, "the large record is not what was sent");
        let pages = pages(&mut session, get_shares("c", 0))?.len();
        ensure!(pages > 3, "there are only {pages} pages");
        Ok(())
    })
}

fn effective_time(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let begun = now();
        let day = 24 * HOUR;
        let records: Vec<Vec<u8>> = [
            begun - 30 * day, // its own
            begun - 32 * day, // the arrival
            begun + HOUR,     // its own
            begun + 3 * HOUR, // the arrival
            0,                // the arrival
        ]
        .into_iter()
        .zip(1..)
        .map(|(timestamp, number)| {
            let mut record = share("c", number);
            record.timestamp = timestamp;
            record.write()
        })
        .collect();
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &records)?;
        let ended = now();

        let mut check = |start, end, wanted: Vec<u64>| {
            let request = GetRecords {
                start: bound(Some(start)),
                end: bound(Some(end)),
                ..get_shares("c", 0)
            };
            let mut found = sequences(&all_records(&mut session, request)?);
            found.sort_unstable();
            expect_equal("numbers", found, wanted)
        };
        check(begun - 30 * day, begun - 30 * day, vec![1])?;
        check(begun, ended, vec![2, 4, 5])?;
        check(begun + HOUR, begun + HOUR, vec![3])?;
        check(0, u64::MAX, vec![1, 2, 3, 4, 5])
    })
}

fn seen(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut above = share("c", 4);
        above.target = [0, 0, 1, 0].repeat(8).try_into()?;
        above.share_hash = [0xfe; 32].into();
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(
            1,
            &[
                share("c", 1).write(),
                share("d", 2).write(),
                rejected("c", 3).write(),
                above.write(),
                block("c", 5).write(),
            ],
        )?;
        let mut partner = world.open(PARTNER, Claim::both(9))?;
        let mut stranger = world.open(STRANGER, Claim::both(9))?;
        let hashes = vec![
            hash_of(1),
            hash_of(2),
            hash_of(3),
            [0xfe; 32],
            hash_of(5),
            hash_of(6),
            hash_of(1),
        ];
        let check = |session: &mut Session, channel: &str, wanted: [bool; 7]| {
            let answer = session.ask(is_share_seen(channel, hashes.clone())?)?;
            expect_equal(channel, answer.seen.as_slice(), &wanted[..])
        };
        let (yes, no) = (true, false);
        check(&mut session, "", [yes, yes, no, no, no, no, yes])?;
        check(&mut session, "c", [yes, no, no, no, no, no, yes])?;
        check(&mut session, "d", [no, yes, no, no, no, no, no])?;
        check(&mut session, "e", [no; 7])?;
        check(&mut partner, "", [yes, yes, no, no, no, no, yes])?;
        check(&mut stranger, "", [no; 7])?;

        let none = session.ask(is_share_seen("", Vec::new())?)?;
        expect_equal("of no hashes", none.seen.len(), 0)?;
        let thousand = session.ask(is_share_seen("", vec![hash_of(1); 1000])?)?;
        expect_equal("of 1,000", thousand.seen.as_slice(), &[true; 1000][..])
    })
}
