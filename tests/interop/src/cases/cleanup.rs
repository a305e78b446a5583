//! CleanupOldShares. Records that are old enough to go cannot be made over the wire: what is shown is who may ask for
//! what, and that younger records stay.

use crate::Programs;
use crate::cases::ask::{all_records, get_shares};
use crate::cases::world::{
    AUDITOR, HOUR, OPERATOR, POOL, everywhere, expect_equal, expect_verdicts, now, share, shares,
    totals_of,
};
use crate::client::Claim;
use crate::extension::{CleanupOldShares, Share, Struct, Totals};
use crate::messages::text;
use crate::tap::{Case, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "CleanupOldShares without the permission admin is not-permitted",
            not_permitted,
        ),
        Case::new(
            "CleanupOldShares of the last 72 hours is an invalid-request, and the session goes on",
            too_young,
        ),
        Case::new(
            "CleanupOldShares goes by the arrival of records, and removes none that arrived later",
            nothing_old,
        ),
    ]
}

const WINDOW: u64 = 72 * HOUR;

fn older_than(older_than: u64) -> CleanupOldShares {
    CleanupOldShares {
        request_id: 0,
        older_than,
    }
}

fn not_permitted(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        for (who, claim) in [
            (POOL, Claim::both(7)),
            (POOL, Claim::read()),
            (AUDITOR, Claim::read()),
        ] {
            // Who may ask is found out before what is asked.
            for time in [0, now()] {
                let session = world.open(who, claim)?;
                session.ask_and_end(older_than(time), "not-permitted")?;
            }
        }
        Ok(())
    })
}

fn too_young(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(OPERATOR, Claim::both(7))?;
        session.store(1, &shares("c", 1..=3))?;
        for time in [now() - WINDOW + 60_000, now(), now() + HOUR, u64::MAX] {
            session.ask_in_vain(older_than(time), "invalid-request")?;
        }
        let found = all_records(&mut session, get_shares("c", 0))?;
        expect_equal("shares", found.len(), 3)
    })
}

fn nothing_old(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        // By their timestamps these are old; they arrive now.
        let records: Vec<Vec<u8>> = (1..=100)
            .map(|number| {
                let old = Share {
                    timestamp: now() - 30 * 24 * HOUR + u64::from(number),
                    ..share("c", number)
                };
                old.write()
            })
            .collect();
        let mut pool = world.open(POOL, Claim::both(7))?;
        pool.store(1, &records)?;
        for claim in [Claim::write(8), Claim::read()] {
            let mut operator = world.open(OPERATOR, claim)?;
            for time in [0, 1, now() - WINDOW - 1000] {
                let answer = operator.ask(older_than(time))?;
                expect_equal("removed shares", answer.removed_shares, 0)?;
            }
        }
        let mut operator = world.open(OPERATOR, Claim::read())?;
        let mut of_north = get_shares("c", 0);
        of_north.pool = text("north");
        let found = all_records(&mut operator, of_north)?;
        expect_equal("shares", found.len(), 100)?;
        let totals = operator.ask(totals_of("north"))?;
        let totals = Totals::read(totals.totals.as_bytes())?;
        expect_equal("accepted", totals.shares_accepted, 100)?;
        // What is there is compared as before.
        let mut again = world.open(POOL, Claim::write(7))?;
        expect_verdicts(&again.store(1, &records)?, &[])?;
        again.send_records(1, &shares("d", [1]))?;
        again.peer.expect_refusal("sequence-conflict")
    })
}
