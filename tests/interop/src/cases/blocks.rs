//! GetBlocks: the blocks of a pool, and what became of them.

use crate::Programs;
use crate::cases::ask::{all_blocks, get_blocks};
use crate::cases::world::{
    HOUR, POOL, STRANGER, block, bound, everywhere, expect_equal, expect_verdicts, finder, now,
    status,
};
use crate::client::{Claim, Session};
use crate::extension::{
    Block, FoundBlock, GetBlocks, GetBlocksSuccess, Share, StoredRecord, Struct,
};
use crate::messages::text;
use crate::tap::{Case, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "GetBlocks gives one block for each hash, newest first by the record that told it, in pages",
            blocks,
        ),
        Case::new(
            "a block has the status that was told last, even if that was before the block",
            statuses,
        ),
        Case::new(
            "pages of blocks neither skip nor repeat while others are told, and show the status of now",
            stable_pages,
        ),
    ]
}

const UNKNOWN: u8 = 0;
const SUBMITTED: u8 = 1;
const CONFIRMED: u8 = 2;
const ORPHANED: u8 = 3;

fn block_at(channel_id: &str, number: u32, timestamp: u64) -> Block {
    Block {
        timestamp,
        ..block(channel_id, number)
    }
}

fn finder_at(channel_id: &str, number: u32, timestamp: u64) -> Outcome<Share> {
    Ok(Share {
        timestamp,
        ..finder(channel_id, number)?
    })
}

/// The records by which the blocks are shown, by their number in the stream.
fn shown(blocks: &[FoundBlock]) -> Outcome<Vec<u64>> {
    let records = blocks.iter();
    records
        .map(|found| Ok(StoredRecord::read(found.record.as_bytes())?.sequence))
        .collect()
}

fn blocks(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let first = now() - HOUR;
        let time = |seconds: u64| first + seconds * 1000;
        let mut other_words = block_at("d", 2, time(70));
        other_words.label = text("the same once more");
        let records = [
            finder_at("c", 1, time(10))?.write(), // tells block 1 for channel c
            block_at("d", 1, time(50)).write(),   // by this it is shown
            block_at("d", 2, time(20)).write(),   // tells block 2 for channel d
            finder_at("c", 2, time(60))?.write(),
            other_words.write(),
            finder_at("c", 3, time(20))?.write(), // tells block 3, as old as block 2
            finder_at("d", 3, time(80))?.write(), // a duplicate, which tells nothing
            block_at("c", 4, time(5)).write(),    // the oldest
        ];
        let mut session = world.open(POOL, Claim::both(7))?;
        let verdicts = session.store(1, &records)?;
        expect_verdicts(&verdicts, &[(7, "duplicate-share")])?;

        for limit in [1, 2, 0, u32::MAX] {
            let found = all_blocks(&mut session, get_blocks("", limit))?;
            expect_equal("blocks", shown(&found)?, vec![6, 3, 2, 8])?;
            for found in found {
                let record = StoredRecord::read(found.record.as_bytes())?;
                let sent = &records[record.sequence as usize - 1];
                expect_equal("its record", record.record.as_bytes(), sent)?;
                expect_equal("status", found.status, UNKNOWN)?;
                expect_equal("status_timestamp", found.status_timestamp, bound(None))?;
            }
        }
        let mut check = |channel: &str, start: Option<u64>, end: Option<u64>, wanted: &[u64]| {
            let request = GetBlocks {
                start: bound(start),
                end: bound(end),
                ..get_blocks(channel, 1)
            };
            let found = all_blocks(&mut session, request)?;
            let name = format!("blocks of {channel} from {start:?} to {end:?}");
            expect_equal(&name, shown(&found)?, wanted.to_vec())
        };
        check("c", None, None, &[6, 2, 8])?;
        check("d", None, None, &[3])?;
        check("e", None, None, &[])?;
        // The range, too, goes by the record that told.
        check("", Some(time(10)), Some(time(10)), &[2])?;
        check("", Some(time(10) + 1), None, &[6, 3])?;
        check("", None, Some(time(10) - 1), &[8])?;
        check("c", Some(time(20)), Some(time(20)), &[6])?;
        check("", Some(time(50)), None, &[])?;

        let mut stranger = world.open(STRANGER, Claim::read())?;
        expect_equal(
            "blocks of another pool",
            all_blocks(&mut stranger, get_blocks("", 0))?,
            vec![],
        )
    })
}

fn statuses(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let first = now() - HOUR;
        let status_at = |number: u32, code: u8, timestamp: u64| {
            let mut record = status(number, code);
            record.timestamp = timestamp;
            record.write()
        };
        let mut stranger = world.open(STRANGER, Claim::read())?;
        let mut session = world.open(POOL, Claim::both(7))?;
        let mut bad = status(1, SUBMITTED);
        bad.status = 4;
        let records = [
            status_at(2, ORPHANED, first + 1),
            status_at(2, CONFIRMED, first),
            block_at("c", 1, first + 3000).write(),
            finder_at("c", 2, first + 2000)?.write(),
            block_at("c", 3, first + 1000).write(),
            status_at(1, SUBMITTED, first),
            status_at(4, SUBMITTED, first), // of a block that nobody tells
            bad.write(),
        ];
        let verdicts = session.store(1, &records)?;
        expect_verdicts(&verdicts, &[(8, "invalid-record")])?;
        let check = |session: &mut Session, wanted: [(u8, Option<u64>); 3]| {
            let found = all_blocks(session, get_blocks("", 0))?;
            expect_equal("blocks", shown(&found)?, vec![3, 4, 5])?;
            let statuses: Vec<_> = found
                .into_iter()
                .map(|found| (found.status, found.status_timestamp.into_inner()))
                .collect();
            expect_equal("statuses", statuses, wanted.to_vec())
        };
        let confirmed = (CONFIRMED, Some(first));
        check(
            &mut session,
            [(SUBMITTED, Some(first)), confirmed, (UNKNOWN, None)],
        )?;
        // The last one by its position, whatever its timestamp.
        let changes = [
            status_at(1, CONFIRMED, first + 5000),
            status_at(1, ORPHANED, 0),
        ];
        session.store(9, &changes)?;
        check(
            &mut session,
            [(ORPHANED, Some(0)), confirmed, (UNKNOWN, None)],
        )?;
        let elsewhere = all_blocks(&mut stranger, get_blocks("", 0))?;
        expect_equal("blocks of another pool", elsewhere, vec![])
    })
}

fn stable_pages(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let first = now() - HOUR;
        let time = |number: u32| first + u64::from(number) * 1000;
        let mut records: Vec<Vec<u8>> = (1..=4)
            .map(|number| block_at("c", number, time(number)).write())
            .collect();
        records.push(finder_at("c", 5, time(5))?.write());
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &records)?;
        let GetBlocksSuccess {
            blocks,
            next_cursor,
            ..
        } = session.ask(get_blocks("", 2))?;
        let read = |entry: &binary_sv2::B016MOwned| FoundBlock::read(entry.as_bytes());
        let page: Vec<FoundBlock> = blocks.iter().map(read).collect::<Outcome<_>>()?;
        expect_equal("the first page", shown(&page)?, vec![5, 4])?;

        // Newer than the page, between its blocks, older than all; and more about the blocks of before.
        let later = [
            block_at("c", 6, time(6)).write(),
            block_at("c", 7, time(4) + 1).write(),
            block_at("c", 8, time(2) + 1).write(),
            block_at("c", 9, time(0)).write(),
            status(2, CONFIRMED).write(),
        ];
        session.store(6, &later)?;
        let rest = GetBlocks {
            cursor: next_cursor,
            ..get_blocks("", 2)
        };
        let rest = all_blocks(&mut session, rest)?;
        expect_equal("the rest", shown(&rest)?, vec![3, 2, 1])?;
        let statuses: Vec<u8> = rest.iter().map(|found| found.status).collect();
        expect_equal("statuses", statuses, vec![UNKNOWN, CONFIRMED, UNKNOWN])?;
        let now_there = all_blocks(&mut session, get_blocks("", 2))?;
        expect_equal(
            "blocks now",
            shown(&now_there)?,
            vec![6, 5, 7, 4, 3, 8, 2, 1, 9],
        )
    })
}
