//! GetAccounting, GetChannelStats and GetTotals: what the records add up to.

use crate::Programs;
use crate::cases::ask::{get_accounting, get_channel_stats};
use crate::cases::world::{
    HOUR, POOL, STRANGER, batch, block, bound, everywhere, expect_equal, expect_verdicts, finder,
    nothing, now, rejected, share, totals_of,
};
use crate::client::{Claim, Session};
use crate::ensure;
use crate::extension::{GetTotals, Share, Struct, Totals};
use crate::tap::{Case, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "GetAccounting adds up a channel exactly, and is empty for one that is unknown",
            accounting,
        ),
        Case::new(
            "GetChannelStats adds up a channel, or a range of it",
            channel_stats,
        ),
        Case::new(
            "GetTotals adds up a pool, or a range of it, and tells the position and the channels",
            totals,
        ),
        Case::new(
            "expected hashes are those of the target, and work is summed to 128 bits",
            sums,
        ),
        Case::new(
            "a block counts once by its hash, for the channel that told it first",
            blocks,
        ),
    ]
}

/// A channel with something in every line of its totals; its first share is at `first`.
fn store_every_line(session: &mut Session, first: u64) -> Outcome<Totals> {
    let at = |mut record: Share, seconds: u64| {
        record.timestamp = first + seconds * 1000;
        record
    };
    let mut above = at(share("c", 3), 3600);
    (above.target, above.share_hash) = ([1; 32].into(), [2; 32].into());
    let mut hard = at(share("c", 4), 10);
    hard.difficulty = 2536.5_f64.to_bits();
    hard.share_work = 5;
    let records = [
        at(share("c", 1), 0).write(),
        at(rejected("c", 2), 20).write(),
        above.write(),
        hard.write(),
        at(share("c", 1), 30).write(), // a duplicate
        block("c", 900).write(),
        batch("c").write(),
        at(share("d", 5), 0).write(),
    ];
    expect_verdicts(
        &session.store(1, &records)?,
        &[(3, "above-target"), (5, "duplicate-share")],
    )?;
    Ok(Totals {
        shares_accepted: 2,
        shares_rejected: 1,
        shares_duplicate: 1,
        shares_above_target: 1,
        share_work_sum_low: 1005,
        blocks_found: 1,
        best_difficulty: 2536.5_f64.to_bits(),
        last_sequence_number: 4,
        first_share_timestamp: bound(Some(first)),
        last_share_timestamp: bound(Some(first + 20_000)),
        ..nothing()
    })
}

fn accounting(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        let wanted = store_every_line(&mut session, now() - HOUR / 2)?;
        let answer = session.ask(get_accounting("c"))?;
        expect_equal("derived", Totals::read(answer.derived.as_bytes())?, wanted)?;
        ensure!(
            answer.reported.is_empty() && answer.derived_before.is_empty(),
            "{answer:?}"
        );

        let unknown = session.ask(get_accounting("e"))?;
        ensure!(
            unknown.derived.is_empty() && unknown.reported.is_empty(),
            "{unknown:?}"
        );
        // The same name, in a pool that does not have it.
        let mut stranger = world.open(STRANGER, Claim::both(7))?;
        let unknown = stranger.ask(get_accounting("c"))?;
        ensure!(unknown.derived.is_empty(), "{unknown:?}");
        Ok(())
    })
}

fn channel_stats(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        let first = now() - HOUR / 2;
        let whole = store_every_line(&mut session, first)?;
        let mut check = |channel: &str, start: Option<u64>, end: Option<u64>, wanted: Totals| {
            let answer = session.ask(get_channel_stats(channel, start, end))?;
            let name = format!("{channel} from {start:?} to {end:?}");
            expect_equal(&name, Totals::read(answer.totals.as_bytes())?, wanted)
        };
        check("c", None, None, whole.clone())?;
        check("c", Some(0), Some(u64::MAX), whole)?;
        check("e", None, None, nothing())?;
        check("c", None, Some(first - 1), nothing())?;
        let first_share = Totals {
            shares_accepted: 1,
            share_work_sum_low: 1000,
            best_difficulty: 1.0_f64.to_bits(),
            last_sequence_number: 1,
            first_share_timestamp: bound(Some(first)),
            last_share_timestamp: bound(Some(first)),
            ..nothing()
        };
        check("c", Some(first), Some(first), first_share)?;
        let middle = Totals {
            shares_accepted: 1,
            shares_rejected: 1,
            share_work_sum_low: 5,
            best_difficulty: 2536.5_f64.to_bits(),
            last_sequence_number: 4,
            first_share_timestamp: bound(Some(first + 10_000)),
            last_share_timestamp: bound(Some(first + 20_000)),
            ..nothing()
        };
        check("c", Some(first + 1), Some(first + 29_999), middle)?;
        let duplicate = Totals {
            shares_duplicate: 1,
            ..nothing()
        };
        check("c", Some(first + 20_001), Some(first + 30_000), duplicate)
    })
}

fn totals(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        let empty = session.ask(totals_of(""))?;
        expect_equal("position", empty.position, 0)?;
        expect_equal("channels", empty.channels, 0)?;
        expect_equal("totals", Totals::read(empty.totals.as_bytes())?, nothing())?;

        let first = now() - HOUR / 2;
        let of_channel = store_every_line(&mut session, first)?;
        let whole = session.ask(totals_of(""))?;
        expect_equal("position", whole.position, 8)?;
        expect_equal("channels", whole.channels, 2)?;
        let wanted = Totals {
            shares_accepted: 3,
            share_work_sum_low: 2005,
            last_sequence_number: 5,
            ..of_channel
        };
        expect_equal("totals", Totals::read(whole.totals.as_bytes())?, wanted)?;

        let part = session.ask(GetTotals {
            start: bound(Some(first + 1)),
            end: bound(Some(first + 20_000)),
            ..totals_of("")
        })?;
        expect_equal("channels in the range", part.channels, 1)?;
        let part = Totals::read(part.totals.as_bytes())?;
        expect_equal("accepted in the range", part.shares_accepted, 1)?;
        expect_equal("rejected in the range", part.shares_rejected, 1)?;
        expect_equal("blocks in the range", part.blocks_found, 0)
    })
}

fn sums(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        // Difficulty 1: 0xffff * 2^208.
        let mut difficulty_1 = [0; 32];
        difficulty_1[26..28].fill(0xff);
        let mut record = share("c", 1);
        (record.share_hash, record.target) = ([0; 32].into(), difficulty_1.into());
        record.share_work = u64::MAX;
        let mut easiest = share("c", 2);
        easiest.target = [0xff; 32].into();
        easiest.share_work = u64::MAX;
        let untold = share("c", 3);
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &[record.write(), easiest.write(), untold.write()])?;
        let found = session.totals()?;
        expect_equal(
            "expected hashes",
            found.expected_hashes_low,
            4_295_032_833 + 1,
        )?;
        expect_equal("expected hashes, high", found.expected_hashes_high, 0)?;
        let work =
            u128::from(found.share_work_sum_high) << 64 | u128::from(found.share_work_sum_low);
        expect_equal("work", work, 2 * u128::from(u64::MAX) + 1000)?;

        // Targets of 1: each share is worth 2^255 hashes, and the sum stops at its limit.
        let mut hardest = share("c", 4);
        hardest.share_hash = [0; 32].into();
        hardest.share_hash.as_mut_bytes()[0] = 1;
        hardest.target = hardest.share_hash.clone();
        session.store(4, &[hardest.write()])?;
        let found = session.totals()?;
        expect_equal("the limit, low", found.expected_hashes_low, u64::MAX)?;
        expect_equal("the limit, high", found.expected_hashes_high, u64::MAX)
    })
}

fn blocks(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        let records = [
            finder("c", 1)?.write(),
            block("d", 1).write(),
            block("d", 2).write(),
            finder("c", 2)?.write(),
            block("d", 2).write(),
            block("d", 3).write(),
        ];
        expect_verdicts(&session.store(1, &records)?, &[])?;
        expect_equal("blocks", session.totals()?.blocks_found, 3)?;
        for (channel, wanted) in [("c", 1), ("d", 2)] {
            let answer = session.ask(get_accounting(channel))?;
            let derived = Totals::read(answer.derived.as_bytes())?;
            expect_equal(channel, derived.blocks_found, wanted)?;
        }
        Ok(())
    })
}
