//! What goes wrong with a request, and what that means for its session.

use binary_sv2::B0255Owned;

use crate::Programs;
use crate::cases::ask::{
    all_shares, get_accounting, get_channel_stats, get_shares, is_share_seen, list_channels,
    list_streams, sequences, timed_shares,
};
use crate::cases::world::{
    AUDITOR, Backend, HOUR, PARTNER, POOL, STRANGER, World, bound, everywhere, expect_equal,
    hash_of, nothing, now, shares, string, totals_of,
};
use crate::client::Claim;
use crate::ensure;
use crate::extension::{
    GetHealth, GetShares, GetSharesSuccess, GetTotals, GetTotalsSuccess, IsShareSeen, ListChannels,
    ListStreams, Message, STORAGE_EXTENSION, StorageError, Struct, Totals,
};
use crate::messages::text;
use crate::tap::{Case, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "a range that ends before it begins, no channel_id and 1,001 hashes are an invalid-request, and the session goes on",
            invalid_request,
        ),
        Case::new(
            "a cursor that the server did not make is an invalid-cursor, and the session goes on",
            invalid_cursor,
        ),
        Case::new(
            "a cursor of another list is an invalid-cursor, and the session goes on",
            other_lists_cursor,
        ),
        Case::new(
            "a cursor means the same in another session, and with another data set nothing",
            cursor_later,
        ),
        Case::new(
            "requests in flight are each answered once, with busy where too many wait",
            many,
        ),
        Case::new(
            "a request_id of 0 ends the session with invalid-request",
            no_request_id,
        ),
        Case::new(
            "a request cut short is a malformed-message, bytes behind one are ignored",
            lengths,
        ),
        Case::new(
            "another pool's records are for query.all alone, and an unknown pool has none",
            other_pools,
        ),
    ]
}

fn invalid_request(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &shares("c", [1]))?;
        let code = "invalid-request";
        let (start, end) = (bound(Some(2)), bound(Some(1)));
        session.ask_in_vain(
            GetShares {
                start: start.clone(),
                end: end.clone(),
                ..get_shares("c", 2)
            },
            code,
        )?;
        session.ask_in_vain(get_channel_stats("c", Some(2), Some(1)), code)?;
        session.ask_in_vain(
            GetTotals {
                start,
                end,
                ..totals_of("")
            },
            code,
        )?;
        session.ask_in_vain(get_shares("", 2), code)?;
        session.ask_in_vain(get_accounting(""), code)?;
        session.ask_in_vain(get_channel_stats("", None, None), code)?;
        session.ask_in_vain(is_share_seen("", vec![hash_of(1); 1001])?, code)?;
        expect_equal("shares", session.totals()?.shares_accepted, 1)
    })
}

fn invalid_cursor(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &shares("c", 1..=5))?;
        let code = "invalid-cursor";
        let of_shares = session.ask(get_shares("c", 2))?.next_cursor;
        ensure!(!of_shares.is_empty(), "there is only one page");
        let mut spoiled = of_shares.clone().into_bytes();
        spoiled[0] ^= 0x80;
        for bytes in [
            vec![0],
            vec![0xff; 255],
            spoiled,
            of_shares.as_bytes()[1..].to_vec(),
        ] {
            let cursor: B0255Owned = bytes.try_into()?;
            session.ask_in_vain(
                GetShares {
                    cursor: cursor.clone(),
                    ..get_shares("c", 2)
                },
                code,
            )?;
        }
        let second_page = GetShares {
            cursor: of_shares,
            ..get_shares("c", 2)
        };
        let page = session.ask(second_page)?;
        expect_equal("shares", page.shares.len(), 2)
    })
}

fn other_lists_cursor(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &shares("c", 1..=5))?;
        let code = "invalid-cursor";
        let of_shares = session.ask(get_shares("c", 2))?.next_cursor;
        session.ask_in_vain(
            ListChannels {
                cursor: of_shares.clone(),
                ..list_channels()
            },
            code,
        )?;
        session.ask_in_vain(
            ListStreams {
                cursor: of_shares.clone(),
                ..list_streams("")
            },
            code,
        )?;
        Ok(())
    })
}

fn cursor_later(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let first = now() - HOUR;
        let records = timed_shares("c", 1..=5, first);
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &records)?;
        let rest = GetShares {
            cursor: session.ask(get_shares("c", 2))?.next_cursor,
            ..get_shares("c", 2)
        };
        let mut partner = world.open(PARTNER, Claim::read())?;
        let found = all_shares(&mut partner, rest.clone())?;
        expect_equal("numbers", sequences(&found), vec![3, 2, 1])?;

        world.role.stop()?;
        world.role.start_again()?;
        let mut session = world.open(POOL, Claim::both(7))?;
        match world.backend {
            Backend::Memory => {
                session.store(1, &records)?;
                session.ask_in_vain(rest, "invalid-cursor")
            }
            Backend::Sqlite => {
                let found = all_shares(&mut session, rest)?;
                expect_equal("numbers", sequences(&found), vec![3, 2, 1])
            }
        }
    })
}

fn many(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &shares("c", 1..=100))?;
        let mut waiting: Vec<u32> = Vec::new();
        for _ in 0..64 {
            waiting.push(session.request(get_shares("c", 0))?);
        }
        let mut answered = 0;
        while !waiting.is_empty() {
            let frame = session.peer.receive_frame()?;
            let id = if frame.header.msg_type() == StorageError::TYPE {
                let error = session.peer.parse::<StorageError>(&frame)?;
                expect_equal("code", string(&error.code).as_str(), "busy")?;
                error.request_id
            } else {
                let page = session.peer.parse::<GetSharesSuccess>(&frame)?;
                expect_equal("shares", page.shares.len(), 100)?;
                answered += 1;
                page.request_id
            };
            let place = waiting.iter().position(|waits| *waits == id);
            waiting.swap_remove(place.ok_or(format!("request {id} is answered twice"))?);
        }
        ensure!(answered >= 16, "only {answered} requests were answered");
        session.ping(1)
    })
}

fn no_request_id(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        session.peer.send_extension(GetHealth { request_id: 0 })?;
        session.peer.expect_refusal("invalid-request")?;
        let mut session = world.open(POOL, Claim::both(7))?;
        session.peer.send_extension(get_shares("c", 1))?;
        session.peer.expect_refusal("invalid-request")
    })
}

fn lengths(programs: &Programs) -> Outcome {
    fn check<M: Message>(world: &World, message: M) -> Outcome {
        let payload = message.write();
        for length in 0..payload.len() {
            let mut session = world.open(POOL, Claim::read())?;
            session
                .peer
                .send_raw(STORAGE_EXTENSION, M::TYPE, &payload[..length])?;
            session.peer.expect_refusal("malformed-message")?;
        }
        Ok(())
    }
    everywhere(programs, |world| {
        let request_id = 9;
        check(world, GetHealth { request_id })?;
        check(
            world,
            GetTotals {
                request_id,
                start: bound(Some(1)),
                ..totals_of("")
            },
        )?;
        check(
            world,
            IsShareSeen {
                request_id,
                ..is_share_seen("", vec![hash_of(1)])?
            },
        )?;

        let mut session = world.open(POOL, Claim::read())?;
        let request = GetTotals {
            request_id,
            ..totals_of("")
        };
        let mut payload = request.write();
        payload.extend(b"\x02\x00\x01\x0a\x00Worker_001");
        session
            .peer
            .send_raw(STORAGE_EXTENSION, GetTotals::TYPE, &payload)?;
        let answer = session.peer.expect::<GetTotalsSuccess>()?;
        expect_equal("request_id", answer.request_id, request_id)
    })
}

fn other_pools(programs: &Programs) -> Outcome {
    everywhere(programs, |world| {
        let mut session = world.open(POOL, Claim::both(7))?;
        session.store(1, &shares("c", 1..=3))?;

        let mut auditor = world.open(AUDITOR, Claim::read())?;
        let of_pool = |pool: &str| GetShares {
            pool: text(pool),
            ..get_shares("c", 2)
        };
        let found = all_shares(&mut auditor, of_pool("north"))?;
        expect_equal("shares of north", found.len(), 3)?;
        for pool in ["", "nowhere", STRANGER] {
            let found = all_shares(&mut auditor, of_pool(pool))?;
            expect_equal(pool, found.len(), 0)?;
            let totals = auditor.ask(totals_of(pool))?;
            expect_equal(pool, Totals::read(totals.totals.as_bytes())?, nothing())?;
        }

        // Its own pool by its name, and any other, known or not.
        let found = all_shares(&mut session, of_pool("north"))?;
        expect_equal("shares of its own", found.len(), 3)?;
        session.ask_and_end(of_pool(STRANGER), "not-permitted")?;
        let stranger = world.open(STRANGER, Claim::read())?;
        stranger.ask_and_end(totals_of("north"), "not-permitted")?;
        let stranger = world.open(STRANGER, Claim::read())?;
        stranger.ask_and_end(list_streams("nowhere"), "not-permitted")
    })
}
