//! ListUsers and GetHours: what channels and users add up to, hour by hour; and the range that totals cover.

use crate::Programs;
use crate::cases::ask::{
    OF_CHANNEL, OF_USER, all_hours, all_names, get_channel_stats, get_hours, list_users, pages,
};
use crate::cases::world::{
    HOUR, POOL, STRANGER, batch, block, bound, everywhere, expect_equal, expect_verdicts, finder,
    job, nothing, now, rejected, share, totals_of,
};
use crate::client::Claim;
use crate::ensure;
use crate::extension::{GetHours, GetTotals, Share, Struct, Totals};
use crate::messages::text;
use crate::tap::{Case, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "ListUsers lists the user_identities of a pool's shares by the order of their bytes, in pages",
            users,
        ),
        Case::new(
            "GetHours adds up a channel hour by hour, and leaves out hours without records",
            of_channel,
        ),
        Case::new(
            "GetHours adds up the shares of a user over all channels",
            of_user,
        ),
        Case::new(
            "GetHours gives the whole hours that overlap its range, oldest first, in pages, and so after a restart",
            in_pages,
        ),
        Case::new(
            "totals of a range tell the range that they cover: that of the request, while the records are there",
            covered,
        ),
    ]
}

/// The first millisecond of the hour that began so many hours before this one.
fn hours_ago(hours: u64) -> u64 {
    (now() / HOUR - hours) * HOUR
}

fn at(timestamp: u64, record: Share) -> Share {
    Share {
        timestamp,
        ..record
    }
}

/// Totals of accepted shares as `share` makes them, from `first` to `last`.
fn accepted(shares: u64, last_sequence_number: u32, first: u64, last: u64) -> Totals {
    Totals {
        shares_accepted: shares,
        share_work_sum_low: 1000 * shares,
        best_difficulty: 1.0_f64.to_bits(),
        last_sequence_number,
        first_share_timestamp: bound(Some(first)),
        last_share_timestamp: bound(Some(last)),
        ..nothing()
    }
}

fn users(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        let mut names: Vec<String> = (0..400).map(|n| format!("{n:0>200}")).collect();
        names.extend(["a", "B", "b.1", "b", "\u{e9}", "z"].map(str::to_owned));
        names.push("u".repeat(255));
        let of = |user: &str, record: Share| Share {
            user_identity: text(user),
            ..record
        };
        let mut records: Vec<Vec<u8>> = names
            .iter()
            .zip(1..)
            .map(|(name, number)| of(name, share("c", number)).write())
            .collect();
        let first_behind = records.len() as u64 + 1;
        // Each once; refused ones and duplicates are shares, too. Neither nobody nor who is no share's is a user.
        records.push(of("a", share("d", 5000)).write());
        records.push(of("refused", rejected("c", 5001)).write());
        records.push(of("doubled", share("c", 1)).write());
        records.push(of("", share("c", 5002)).write());
        let mut invalid = of("invalid", share("c", 5003));
        invalid.accepted = 2;
        records.push(invalid.write());
        let mut declared = job(1);
        declared.user_identity = text("declared");
        records.push(declared.write());
        let verdicts = session.store(1, &records)?;
        expect_verdicts(
            &verdicts,
            &[
                (first_behind + 2, "duplicate-share"),
                (first_behind + 4, "invalid-record"),
            ],
        )?;
        let elsewhere = [of("elsewhere", share("c", 1)).write()];
        world
            .open(STRANGER, Claim::write(7))?
            .store(1, &elsewhere)?;

        names.extend(["refused", "doubled"].map(str::to_owned));
        names.sort_unstable();
        expect_equal("users", all_names(&mut session, list_users())?, names)?;
        let pages = pages(&mut session, list_users())?.len();
        ensure!(pages > 1, "there is only one page");
        Ok(())
    })
}

fn of_channel(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let base = hours_ago(20);
        let last = base + HOUR - 1;
        let mut late_batch = batch("c");
        late_batch.timestamp = base + 3 * HOUR;
        let mut late_block = block("c", 900);
        late_block.timestamp = base + 5 * HOUR + 7;
        let records = [
            at(base + HOUR, share("c", 3)).write(),
            at(base, share("c", 1)).write(),
            at(last, share("c", 2)).write(),
            late_batch.write(),
            at(base + 5 * HOUR, rejected("c", 4)).write(),
            late_block.write(),
            at(base + 6 * HOUR, share("c", 1)).write(), // a duplicate
            at(base + 7 * HOUR, share("d", 5)).write(),
        ];
        let mut session = world.open(POOL, Claim::both(7))?;
        let verdicts = session.store(1, &records)?;
        expect_verdicts(&verdicts, &[(7, "duplicate-share")])?;

        let refused_and_block = Totals {
            shares_rejected: 1,
            blocks_found: 1,
            last_sequence_number: 4,
            first_share_timestamp: bound(Some(base + 5 * HOUR)),
            last_share_timestamp: bound(Some(base + 5 * HOUR)),
            ..nothing()
        };
        let duplicate = Totals {
            shares_duplicate: 1,
            ..nothing()
        };
        let wanted = vec![
            (base, accepted(2, 2, base, last)),
            (base + HOUR, accepted(1, 3, base + HOUR, base + HOUR)),
            (base + 3 * HOUR, nothing()), // the batch
            (base + 5 * HOUR, refused_and_block),
            (base + 6 * HOUR, duplicate),
        ];
        let found = all_hours(&mut session, get_hours(OF_CHANNEL, "c"))?;
        expect_equal("hours", found, wanted)?;
        for unknown in ["e", "account.worker"] {
            let found = all_hours(&mut session, get_hours(OF_CHANNEL, unknown))?;
            expect_equal(unknown, found, vec![])?;
        }
        let mut stranger = world.open(STRANGER, Claim::read())?;
        let elsewhere = all_hours(&mut stranger, get_hours(OF_CHANNEL, "c"))?;
        expect_equal("of another pool", elsewhere, vec![])
    })
}

fn of_user(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let base = hours_ago(20);
        let other = |record: Share| Share {
            user_identity: text("account.other"),
            ..record
        };
        let mut told = block("c", 900);
        told.timestamp = base;
        let records = [
            at(base, share("c", 1)).write(),
            at(base + 5, share("d", 2)).write(),
            at(base + 6, other(share("c", 3))).write(),
            told.write(), // a block of nobody
            at(base + HOUR, finder("d", 4)?).write(),
            at(base + HOUR, other(finder("c", 900)?)).write(), // told before
        ];
        let mut session = world.open(POOL, Claim::both(7))?;
        expect_verdicts(&session.store(1, &records)?, &[])?;
        let found = all_hours(&mut session, get_hours(OF_USER, "account.worker"))?;
        let with_block = Totals {
            blocks_found: 1,
            ..accepted(1, 4, base + HOUR, base + HOUR)
        };
        expect_equal(
            "hours of the first",
            found,
            vec![
                (base, accepted(2, 2, base, base + 5)),
                (base + HOUR, with_block),
            ],
        )?;
        let found = all_hours(&mut session, get_hours(OF_USER, "account.other"))?;
        expect_equal(
            "hours of the other",
            found,
            vec![
                (base, accepted(1, 3, base + 6, base + 6)),
                (base + HOUR, accepted(1, 900, base + HOUR, base + HOUR)),
            ],
        )?;
        for unknown in ["account.nobody", "c"] {
            let found = all_hours(&mut session, get_hours(OF_USER, unknown))?;
            expect_equal(unknown, found, vec![])?;
        }
        Ok(())
    })
}

fn in_pages(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let base = hours_ago(700);
        let time = |hour: u32| base + u64::from(hour) * HOUR;
        let records: Vec<Vec<u8>> = (0..700)
            .map(|hour| at(time(hour) + 1, share("c", hour)).write())
            .collect();
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &records)?;
        for restarted in [false, true] {
            if restarted && !world.backend.keeps() {
                break;
            }
            if restarted {
                world.role.stop()?;
                world.role.start_again()?;
            }
            let mut session = world.open(POOL, Claim::read())?;
            for list in [
                get_hours(OF_CHANNEL, "c"),
                get_hours(OF_USER, "account.worker"),
            ] {
                let found = all_hours(&mut session, list.clone())?;
                let wanted: Vec<_> = (0..700)
                    .map(|hour| {
                        (
                            time(hour),
                            accepted(1, hour, time(hour) + 1, time(hour) + 1),
                        )
                    })
                    .collect();
                expect_equal("hours", found, wanted)?;
                let pages = pages(&mut session, list.clone())?.len();
                ensure!(pages > 1, "there is only one page");

                let mut check = |start: Option<u64>, end: Option<u64>, first: u32, last: u32| {
                    let request = GetHours {
                        start: bound(start),
                        end: bound(end),
                        ..list.clone()
                    };
                    let found = all_hours(&mut session, request)?;
                    let found: Vec<u64> = found.into_iter().map(|(start, _)| start).collect();
                    let wanted = (first..=last).map(time).collect();
                    expect_equal(&format!("hours {first} to {last}"), found, wanted)
                };
                check(Some(time(100)), Some(time(100)), 100, 100)?;
                check(Some(time(101) - 1), Some(time(101)), 100, 101)?;
                check(Some(time(100) + 5), Some(time(100) + 6), 100, 100)?;
                check(None, Some(time(650) - 1), 0, 649)?;
                check(Some(time(650)), None, 650, 699)?;
                check(Some(0), Some(u64::MAX), 0, 699)?;
            }
        }
        Ok(())
    })
}

fn covered(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let base = hours_ago(20);
        let records: Vec<Vec<u8>> = (0..5)
            .map(|hour| at(base + u64::from(hour) * HOUR, share("c", hour)).write())
            .collect();
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &records)?;
        for (start, end, shares) in [
            (None, None, 5),
            (Some(base), None, 5),
            (Some(base + 1), None, 4),
            (None, Some(base + HOUR - 1), 1),
            (Some(base + HOUR), Some(base + 3 * HOUR - 1), 2),
            (Some(base + HOUR), Some(base + 3 * HOUR), 3),
            (Some(base + HOUR - 1), Some(base + 3 * HOUR + 1), 3),
            (Some(base + 1), Some(base + 2), 0),
            (Some(0), Some(u64::MAX), 5),
        ] {
            let name = format!("from {start:?} to {end:?}");
            for (channel, shares) in [("c", shares), ("unknown", 0)] {
                let stats = session.ask(get_channel_stats(channel, start, end))?;
                let covers = (stats.start.into_inner(), stats.end.into_inner());
                expect_equal(&name, covers, (start, end))?;
                let totals = Totals::read(stats.totals.as_bytes())?;
                expect_equal(&name, totals.shares_accepted, shares)?;
            }
            let totals = session.ask(GetTotals {
                start: bound(start),
                end: bound(end),
                ..totals_of("")
            })?;
            let covers = (totals.start.into_inner(), totals.end.into_inner());
            expect_equal(&name, covers, (start, end))?;
            expect_equal(&name, totals.channels, u64::from(shares > 0))?;
            let totals = Totals::read(totals.totals.as_bytes())?;
            expect_equal(&name, totals.shares_accepted, shares)?;
        }
        Ok(())
    })
}
